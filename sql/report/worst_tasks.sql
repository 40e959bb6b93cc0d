-- Which tasks surely fail most? Parameters: $days, a window of marts.failure_rates; $limit. Read by pipelines/report/queries.py.
select
    task_id, title, n, failed_count, failure_ratio, failure_ratio_low, failure_ratio_high,
    failure_ratio_modelled_low, failure_ratio_modelled_high, failure_ratio_least, failure_ratio_most, runs_missing_count
from marts.failure_rates
where window_days = $days and failed_count > 0
order by failure_rank
limit $limit
