-- How long do runs take, and how often does one need a second attempt? Slowest first. Parameters: $days, a window of the marts;
-- $limit. Read by pipelines/report/queries.py.
select
    durations.task_id,
    durations.title,
    durations.billed_n,
    durations.billed_p50_ms,
    durations.billed_p95_ms,
    durations.queue_p95_ms,
    retries.observed_count,
    retries.n,
    retries.attempts_per_run,
    retries.retried_count,
    retries.recovered_by_retry_count
from marts.run_durations as durations
left join marts.retry_stats as retries
    on retries.task_id is not distinct from durations.task_id
    and retries.window_days = durations.window_days
where durations.window_days = $days
order by durations.billed_p95_ms desc nulls last, durations.task_id
limit $limit
