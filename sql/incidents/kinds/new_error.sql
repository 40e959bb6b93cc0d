-- Which errors were never seen before? Measure: runs of the last 7 days, 0 for an error that is not new any more.
select
    fingerprint as subject,
    -- An error of the platform has no name but a message; all have a fingerprint.
    coalesce(nullif(concat_ws(': ', error_name, nullif(left(normalised_message, 80), '')), ''), 'error ' || fingerprint) as title,
    case
        when not is_error_observed then 0
        when is_new_this_week then run_count_7d
        when is_new_this_week is null then null
        else 0
    end::double as measure,
    case
        when is_new_this_week then core.counted(run_count_7d, 'run') || ' of ' || core.counted(task_count, 'task') || ' ended in: '
            || coalesce(normalised_message, 'no message')
        else 'it is not new any more; ' || core.counted(run_count_7d, 'run') || ' in 7 days'
    end as cause,
    'fleet: ' || replace(coverage_status, '_', ' ') || ', ' || runs_missing_count || ' missing' as completeness,
    'select created_at, title, error_message from marts.failed_runs where fingerprint = '''
    || replace(fingerprint, '''', '''''') || ''' order by created_at desc limit 20' as rows_query
from marts.error_groups
