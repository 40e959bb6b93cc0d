-- How long did runs take each day: billed, by the clock, and waiting in the queue?
-- Grain: one row per local day and task that had a run. Key: date, task_id. Counted runs that succeeded or failed.
-- Percentiles are values that occurred (nearest rank): below 20 runs p95 is the longest.
select
    facts.date,
    facts.task_id,
    tasks.title,
    facts.n,
    facts.billed_n,
    facts.billed_p50_ms,
    facts.billed_p95_ms,
    facts.billed_sum_ms,
    facts.wall_n,
    facts.wall_p50_ms,
    facts.wall_p95_ms,
    facts.wall_max_ms,
    facts.queue_n,
    facts.queue_p50_ms,
    facts.queue_p95_ms,

    ---------- completeness
    facts.runs_missing_count,
    facts.coverage_ratio,
    facts.coverage_status
from marts.run_duration_facts as facts
left join core.tasks as tasks
    on tasks.task_id = facts.task_id
