-- Which tasks surely fail most? A list that ranks does it by the lower bound: one failure of one run is no scandal yet.
-- Parameter: $limit. Read by pipelines/console/summary.py.
select
    title,
    failed_count_30d,
    n_30d,
    failure_ratio_30d,
    failure_ratio_low_30d,
    failure_ratio_high_30d,
    -- Of a task that nobody could look at throughout, no count is the whole.
    runs_missing_count_30d || case when coverage_status_30d = 'unknown' then ' or more' else '' end as runs_missing
from marts.task_health
where failed_count_30d > 0 and deleted_at is null
order by failure_ratio_low_30d desc, n_30d desc, task_id
limit $limit
