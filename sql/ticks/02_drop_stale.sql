-- Takes out ticks of a version that has ended since, or is another one after a rebuild.
-- Run by pipelines/transform/expected_ticks.py.
delete from core.expected_ticks as e
where not exists (
    select 1
    from tick_segments as s
    where s.task_id = e.task_id
        and s.version_number = e.version_number
        and s.schedule = e.schedule
        and s.timezone = e.timezone
        and e.tick_at >= s.from_at
        and e.tick_at < s.until_at
)
