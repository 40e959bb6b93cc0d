-- Which schedules do tasks have today? Each gets a row of core.schedule_gaps.
-- Read by pipelines/transform/expected_ticks.py.
select distinct schedule, coalesce(timezone, 'UTC')
from core.tasks
where deleted_at is null
    and schedule is not null
order by all
