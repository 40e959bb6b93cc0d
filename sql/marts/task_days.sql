-- All that can be summed of a task's day: outcomes, money and completeness. The daily marts are read from here.
-- Grain: one row per local day, task and model in force; days without runs too. Key: date, task_id, model.
-- Counts of outcomes leave out test runs and other environments; money counts every run.
with runs as (

    select
        date,
        task_id,
        model,
        count(*) as run_count,
        count(*) filter (is_counted and outcome = 'succeeded') as succeeded_count,
        count(*) filter (is_counted and outcome = 'failed') as failed_count,
        count(*) filter (is_counted and outcome = 'cancelled') as cancelled_count,
        count(*) filter (is_counted and outcome = 'expired') as expired_count,
        count(*) filter (is_counted and outcome = 'in_flight') as in_flight_count,
        count(*) filter (is_counted and outcome = 'unknown') as unknown_count,
        count(*) filter (is_test) as test_run_count,
        count(*) filter (not is_test and not is_in_production) as nonproduction_run_count,
        count(*) filter (found_by != 'window') as recovered_run_count,
        count(*) filter (outcome = 'failed') as wasted_run_count,
        count(*) filter (total_cents is null) as unpriced_run_count,
        sum(compute_cents) as compute_cents,
        sum(invocation_cents) as invocation_cents,
        sum(total_cents) as total_cents,
        sum(total_cents) filter (outcome = 'failed') as wasted_cents,
        bool_and(is_final) as is_final
    from marts.run_facts
    group by date, task_id, model

),

missing as (

    select
        date,
        task_id,
        model,
        count(*) as runs_missing_count
    from marts.missing_run_facts
    group by date, task_id, model

),

versions as (

    select
        task_id,
        case
            when version_number = 1 then '-infinity'::timestamptz
            else valid_from
        end as in_force_from,
        model
    from core.task_versions

),

quiet_days as (

    select
        coverage.date,
        coverage.task_id,
        versions.model
    from marts.coverage_daily as coverage
    asof left join versions
        on versions.task_id = coverage.task_id
        and versions.in_force_from < coverage.day_ends_at
    where coverage.observed_run_count = 0
        and coverage.runs_missing_count = 0

),

days as (

    select date, task_id, model from runs
    union
    select date, task_id, model from missing
    union
    select date, task_id, model from quiet_days

)

select
    days.date,
    days.task_id,
    tasks.title,
    tasks.account_id,
    tasks.artist_account_id,
    tasks.artist_name,
    days.model,

    ---------- runs
    coalesce(runs.run_count, 0) as run_count,
    coalesce(runs.succeeded_count, 0) as succeeded_count,
    coalesce(runs.failed_count, 0) as failed_count,
    coalesce(runs.cancelled_count, 0) as cancelled_count,
    coalesce(runs.expired_count, 0) as expired_count,
    coalesce(runs.in_flight_count, 0) as in_flight_count,
    coalesce(runs.unknown_count, 0) as unknown_count,
    coalesce(runs.test_run_count, 0) as test_run_count,
    coalesce(runs.nonproduction_run_count, 0) as nonproduction_run_count,
    coalesce(runs.recovered_run_count, 0) as recovered_run_count,
    coalesce(runs.is_final, true) as is_final,

    ---------- money: 0 without runs, null when no cost was told for any of them
    coalesce(runs.unpriced_run_count, 0) as unpriced_run_count,
    case when runs.run_count > 0 then runs.compute_cents else 0 end as compute_cents,
    case when runs.run_count > 0 then runs.invocation_cents else 0 end as invocation_cents,
    case when runs.run_count > 0 then runs.total_cents else 0 end as total_cents,
    case when runs.wasted_run_count > 0 then runs.wasted_cents else 0 end as wasted_cents,

    ---------- completeness: missing runs by the model in force at their tick, ratio and status of the task's whole day
    coalesce(missing.runs_missing_count, 0) as runs_missing_count,
    coverage.coverage_ratio,
    coalesce(coverage.coverage_status, 'unknown') as coverage_status
from days
left join runs
    on runs.date = days.date
    and runs.task_id is not distinct from days.task_id
    and runs.model is not distinct from days.model
left join missing
    on missing.date = days.date
    and missing.task_id = days.task_id
    and missing.model is not distinct from days.model
left join marts.coverage_daily as coverage
    on coverage.date = days.date
    and coverage.task_id = days.task_id
left join core.tasks as tasks
    on tasks.task_id = days.task_id
