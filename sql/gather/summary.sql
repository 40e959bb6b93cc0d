-- The last polls of all shards, told as one poll. Read by pipelines/lake/gather.py.
with last_polls as (

    select *
    from core.polls
    where status in ('succeeded', 'suspect', 'partial')
    qualify row_number() over (partition by core.shard_of(poll_id) order by started_at desc, poll_id desc) = 1

)

select
    max(poll_id) as poll_id,
    min(started_at) as started_at,
    max(finished_at) as finished_at,
    case
        when bool_or(status = 'partial') then 'partial'
        when bool_or(status = 'suspect') then 'suspect'
        else 'succeeded'
    end as status,
    any_value(source) as source,
    bool_and(is_full_scope) as is_full_scope,
    sum(account_count)::integer as account_count,
    sum(unanswered_account_count)::integer as unanswered_account_count,
    coalesce(flatten(list(unanswered_account_ids)), []) as unanswered_account_ids,
    sum(request_count)::integer as request_count,
    sum(response_bytes)::bigint as response_bytes,
    sum(task_count)::integer as task_count,
    sum(run_count)::integer as run_count,
    sum(unchanged_task_count)::integer as unchanged_task_count,
    sum(new_task_count)::integer as new_task_count,
    sum(changed_task_count)::integer as changed_task_count,
    sum(new_run_count)::integer as new_run_count,
    sum(changed_run_count)::integer as changed_run_count,
    sum(quarantined_count)::integer as quarantined_count,
    sum(suspect_task_count)::integer as suspect_task_count,
    list_distinct(coalesce(flatten(list(suspect_reasons)), [])) as suspect_reasons,
    coalesce(flatten(list(suspect_account_ids)), []) as suspect_account_ids,
    sum(deleted_task_count)::integer as deleted_task_count,
    sum(deletions_withheld_count)::integer as deletions_withheld_count,
    sum(missing_run_count)::integer as missing_run_count,
    any_value(hash_key_id) as hash_key_id,
    sum(details_call_count)::integer as details_call_count,
    sum(recovered_run_count)::integer as recovered_run_count,
    string_agg(error_message, '; ') as error_message
from last_polls;
