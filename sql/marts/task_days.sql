-- All that can be summed of a task's day, with the names of today.
-- Grain: one row per local day, task and what was in force: model, account, artist (the key); days without runs too.
-- Counts of outcomes leave out test runs and other environments; money counts every run.
select
    facts.date,
    facts.task_id,
    tasks.title,
    facts.account_id,
    facts.artist_account_id,
    case when tasks.artist_account_id = facts.artist_account_id then tasks.artist_name end as artist_name,
    facts.model,

    ---------- runs
    facts.run_count,
    facts.succeeded_count,
    facts.failed_count,
    facts.cancelled_count,
    facts.expired_count,
    facts.in_flight_count,
    facts.unknown_count,
    facts.test_run_count,
    facts.nonproduction_run_count,
    facts.recovered_run_count,
    facts.is_final,

    ---------- money: 0 without runs, null when no cost was told for any of them
    facts.unpriced_run_count,
    facts.compute_cents,
    facts.invocation_cents,
    facts.total_cents,
    facts.wasted_cents,

    ---------- completeness: missing runs by what was in force at their tick, ratio and status of the task's whole day
    facts.runs_missing_count,
    facts.coverage_ratio,
    facts.coverage_status
from marts.task_day_facts as facts
left join core.tasks as tasks
    on tasks.task_id = facts.task_id
