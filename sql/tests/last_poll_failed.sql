-- severity: warn
-- asset: core.polls
-- A failing row is the last poll when it failed or was interrupted: the newest runs are not in here. Look at error_message.
select
    poll_id,
    started_at
from core.polls
where status in ('failed', 'running')
    and poll_id in (
        select max(poll_id)
        from core.polls
        group by core.shard_of(poll_id)
    )
