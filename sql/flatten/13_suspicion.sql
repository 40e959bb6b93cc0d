-- What looks like an outage in this poll, and in which accounts? One row. Read by pipelines/load/suspect_polls.py.
-- A schedule deleted upstream looks like an outage for ever; after a week it no longer taints the whole poll.
with signs as (

    select
        count(*) filter (where t.unknown_since_at > o.observed_at - core.window_length()) as fresh_count,
        count(*) filter (where o.is_unknown) as unknown_count,
        count(*) as seen_count
    from observed as o
    inner join core.tasks as t
        on t.task_id = o.task_id

),

doubted as (

    select
        coalesce(bool_or(is_row_capped), false) as is_row_capped,
        coalesce(bool_or(is_emptied), false) as is_emptied,
        coalesce(bool_or(is_incomplete), false) as is_incomplete,
        coalesce(list(account_id order by account_id), []) as account_ids
    from answered
    where is_row_capped
        or is_incomplete
        or is_emptied
        or is_lookup_failed

)

select
    s.fresh_count > 0 as lookup_failed_or_empty,
    s.fresh_count > 0 and s.unknown_count >= 3 and s.unknown_count * 5 >= s.seen_count as many_tasks_empty,
    d.is_row_capped as row_cap_reached,
    d.is_emptied as account_empty,
    d.is_incomplete as unreadable_objects,
    d.account_ids
from signs as s
cross join doubted as d
