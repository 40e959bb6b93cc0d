-- Do runs come and go unseen? Measure: missing / (observed + missing) of the last 7 days, over all tasks.
select
    'pipeline' as subject,
    'Coverage' as title,
    (sum(runs_missing_count) / nullif(sum(observed_run_count + runs_missing_count), 0))::double as measure,
    sum(runs_missing_count) || ' of ' || sum(observed_run_count + runs_missing_count) || ' runs of 7 days came and went unseen'
        as cause,
    'not known well enough to count: ' || core.counted(count(*) filter (coverage_status = 'unknown'), 'task') as completeness,
    'select cause, sum(runs_missing_count) from core.coverage_gaps group by cause' as rows_query
from marts.window_coverage
where window_days = 7
having count(*) > 0
