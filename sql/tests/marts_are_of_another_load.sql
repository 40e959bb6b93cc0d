-- severity: error
-- asset: marts.warehouse_info
-- A failing row is a warehouse whose marts were built before the last load, or of other polls than core holds.
select
    warehouse_info.last_poll_id,
    warehouse_info.poll_count as built_count,
    polls.poll_count
from (
    select
        arg_max(poll_id, (started_at, poll_id)) as last_poll_id,
        count(*) as poll_count
    from core.polls
) as polls
left join marts.warehouse_info on true
where warehouse_info.last_poll_id is distinct from polls.last_poll_id
    or warehouse_info.poll_count is distinct from polls.poll_count
