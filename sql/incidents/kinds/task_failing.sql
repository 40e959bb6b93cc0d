-- Which tasks fail? Measure: failures in a row, at least 3 for what task_health calls failing. Between failing and healthy
-- (flaky, silent, not observed) nothing is decided, so that a task on the edge does not open and close every night.
select
    task_id as subject,
    coalesce(title, task_id) as title,
    case
        when state in ('off', 'deleted') then 0
        when state in ('cannot_tell', 'silent') then null
        when state = 'failing' then greatest(failure_streak_count, 3)
        when failing_since_at is null then 0
    end::double as measure,
    case
        when state in ('off', 'deleted') then 'the task is ' || state
        when failing_since_at is null then 'its newest three runs succeeded'
        else failed_count_7d || ' of ' || n_7d || ' runs of 7 days failed, ' || failure_streak_count || ' in a row, since '
            || strftime(failing_since_at, '%Y-%m-%d %H:%M UTC')
    end as cause,
    'runs of 7 days: ' || replace(coverage_status_7d, '_', ' ') || ', ' || runs_missing_count_7d || ' missing' as completeness,
    'select created_at, error_name, error_message from marts.failed_runs where task_id = '''
    || replace(task_id, '''', '''''') || ''' order by created_at desc limit 20' as rows_query
from marts.task_health
