-- Which schedules tick today, that cron has to be asked about? One row per schedule and zone.
-- Read by pipelines/schedule/poll_interval.py.
select distinct schedule, coalesce(timezone, 'UTC')
from core.tasks
where is_enabled and deleted_at is null and schedule is not null
order by all
