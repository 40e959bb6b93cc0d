-- Gives each task version the ticks of its schedule while it was in force.
-- Parameter: $as_of, the time of the build. Run by pipelines/transform/expected_ticks.py.
insert into core.expected_ticks by name
select
    s.task_id,
    t.tick_at,
    s.schedule,
    s.timezone,
    s.version_number,
    t.tick_at > $as_of as is_future
from tick_segments as s
inner join schedule_ticks as t
    on t.schedule = s.schedule
    and t.timezone = s.timezone
    and t.tick_at >= s.from_at
    and t.tick_at < s.until_at
order by s.task_id, t.tick_at
