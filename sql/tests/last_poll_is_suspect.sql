-- severity: warn
-- asset: core.polls
-- A failing row is the last loaded poll when it looked like an outage upstream. What it did not show is kept and marked
-- unknown, so publishing it is no lie; look at suspect_reasons.
select
    poll_id,
    started_at
from core.polls
where status = 'suspect'
    and poll_id in (
        select max(poll_id)
        from core.polls
        where status in ('succeeded', 'suspect', 'partial')
        group by core.shard_of(poll_id)
    )
