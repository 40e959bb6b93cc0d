-- When was each of these tasks due and did not run in time, in the last 30 days? Parameters: $tasks; $limit, ticks of each.
-- Read by pipelines/report/queries.py.
select adherence.task_id, adherence.tick_at, adherence.status, adherence.lateness_seconds
from marts.schedule_adherence as adherence
cross join core.build_context as context
where adherence.status in ('late', 'missed')
    and adherence.tick_at > context.as_of_at - interval 30 days
    and adherence.task_id in (select unnest($tasks::varchar[]))
qualify row_number() over (partition by adherence.task_id order by adherence.tick_at desc) <= $limit
order by adherence.task_id, adherence.tick_at desc
