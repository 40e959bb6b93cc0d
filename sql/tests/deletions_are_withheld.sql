-- severity: warn
-- asset: core.polls
-- A failing row is the last loaded poll when too many tasks vanished at once to be believed. They stay as if they existed,
-- which loses nothing; blocking would hold back true numbers for as long as they stay away. When they are really
-- gone, say so with `recoup-warehouse poll --accept-deletions`.
select
    poll_id,
    started_at,
    deletions_withheld_count
from core.polls
where deletions_withheld_count > 0
    and poll_id in (
        select max(poll_id)
        from core.polls
        where status in ('succeeded', 'suspect', 'partial')
        group by core.shard_of(poll_id)
    )
