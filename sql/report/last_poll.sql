-- What did the last poll (the last of each shard) not see, and of whom? One row, or none before the first poll. Accounts as [id, name] pairs.
-- Read by pipelines/report/queries.py.
with last_polls as (
    select * from core.polls
    qualify row_number() over (partition by core.shard_of(poll_id) order by started_at desc, poll_id desc) = 1
),

last_poll as (
    select
        -- The worst of them; there is one, as a rule.
        arg_min(status, list_position(['running', 'failed', 'partial', 'suspect', 'succeeded'], status)) as status,
        if(count(*) = 1, any_value(suspect_reasons), list_sort(list_distinct(flatten(list(suspect_reasons)))))
            as suspect_reasons,
        list_distinct(flatten(list(suspect_account_ids))) as suspect_account_ids,
        list_distinct(flatten(list(unanswered_account_ids))) as unanswered_account_ids
    from last_polls
    having count(*) > 0
),

lacking as (
    select 'doubted' as kind, unnest(suspect_account_ids) as account_id from last_poll
    union all
    select 'unanswered' as kind, unnest(unanswered_account_ids) as account_id from last_poll
),

named as (
    select
        lacking.kind,
        list([lacking.account_id, accounts.account_name] order by lacking.account_id) as accounts
    from lacking
    left join core.accounts as accounts on accounts.account_id = lacking.account_id
    group by lacking.kind
),

unseen as (
    select
        count(*) as task_count,
        min(unknown_since_at) as since_at,
        list({'task_id': task_id, 'title': title} order by unknown_since_at, task_id)[1:2] as tasks
    from core.tasks
    where unknown_since_at is not null
        and deleted_at is null
)

select
    last_poll.status,
    last_poll.suspect_reasons as reasons,
    coalesce((select accounts from named where kind = 'doubted'), []) as doubted_accounts,
    coalesce((select accounts from named where kind = 'unanswered'), []) as unanswered_accounts,
    unseen.task_count as unseen_task_count,
    unseen.since_at as unseen_since_at,
    unseen.tasks as unseen_tasks
from last_poll
cross join unseen
