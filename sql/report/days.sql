-- How did the fleet do, day by day?
-- The days of fleet_daily end today, so its last 30 rows are the last 30 days, today included.
-- Parameter: $days. Read by pipelines/report/queries.py.
select
    date, task_count, n, failed_count, failure_ratio, failure_ratio_low, failure_ratio_high,
    run_count, total_cents, wasted_cents, wasted_ratio, is_final,
    runs_missing_count, coverage_ratio, coverage_status, unpriced_run_count,
    date = max(date) over () as is_today
from marts.fleet_daily
qualify row_number() over (order by date desc) <= $days
order by date
