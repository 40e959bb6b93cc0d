-- Which schedules do not fire? Measure: ticks missed in a row; 2 at least when the silence is more than a day old.
select
    health.task_id as subject,
    coalesce(health.title, health.task_id) as title,
    case
        when health.state in ('off', 'deleted') then 0
        when health.state = 'cannot_tell' then null
        when not health.is_overdue then 0
        when health.overdue_since_at < context.as_of_at - interval 24 hours then greatest(health.missed_tick_count, 2)
        else greatest(health.missed_tick_count, 1)
    end::double as measure,
    case
        when health.state in ('off', 'deleted') then 'the task is ' || health.state
        when not health.is_overdue then 'it runs again'
        else core.counted(health.missed_tick_count, 'tick') || ' of ' || coalesce(health.schedule, '?') || ' passed without a run since '
            || strftime(health.overdue_since_at, '%Y-%m-%d %H:%M UTC')
    end as cause,
    'runs of 7 days: ' || replace(health.coverage_status_7d, '_', ' ') || ', ' || health.runs_missing_count_7d || ' missing' as completeness,
    'select tick_at, status, run_id from marts.schedule_adherence where task_id = '''
    || replace(health.task_id, '''', '''''') || ''' order by tick_at desc limit 20' as rows_query
from marts.task_health as health
cross join core.build_context as context
