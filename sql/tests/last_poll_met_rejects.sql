-- severity: warn
-- asset: core.quarantine
-- A failing row is something that the last loaded poll had to set aside; its reason and place are in core.quarantine.
select
    poll_id,
    response_number,
    task_id,
    run_id
from core.quarantine
where poll_id in (
    select max(poll_id)
    from core.polls
    where status in ('succeeded', 'suspect', 'partial')
    group by core.shard_of(poll_id)
)
