-- Lets each version go on after its last known tick, so that a build counts only what is new.
-- Run by pipelines/transform/expected_ticks.py.
update tick_segments as s
set from_at = k.last_tick_at + interval 1 microsecond
from (
    select task_id, version_number, max(tick_at) as last_tick_at
    from core.expected_ticks
    group by all
) as k
where k.task_id = s.task_id
    and k.version_number = s.version_number
