-- severity: warn
-- asset: core.schema_changes
-- A failing row is a key or a status that the last loaded poll met first: nothing is lost, but the contract has changed.
select
    first_poll_id,
    first_seen_at
from core.schema_changes
where first_poll_id in (
    select max(poll_id)
    from core.polls
    where status in ('succeeded', 'suspect', 'partial')
    group by core.shard_of(poll_id)
)
