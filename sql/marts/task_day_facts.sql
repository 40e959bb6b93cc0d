-- All that can be summed of a task's day: outcomes, money and completeness. The daily marts are read from here.
-- Grain: one row per local day, task and what was in force: model, account, artist (the key); days without runs too.
-- Counts of outcomes leave out test runs and other environments; money counts every run.
-- Built day by day: it reads the inputs of day_inputs and nothing else. Names of today are joined by task_days.
with versions as (

    select
        task_id,
        coalesce(from_at, '-infinity'::timestamptz) as in_force_from,
        model,
        account_id,
        artist_account_id
    from marts.day_inputs
    where kind = 'version'

),

scoped_runs as (

    -- What a run is and which version was in force is said as in marts.runs_in_force, without what is not summed here.
    select
        runs.*,
        runs.created_date as date,
        coalesce(runs.started_at, runs.created_at) as in_force_at,
        coalesce(runs.is_production, true) as is_in_production,
        coalesce(runs.is_production, true) and not coalesce(runs.is_test, false) as is_counted
    from core.runs as runs
    where core.is_in_scope(runs.created_date)

),

runs as (

    select
        runs.date,
        runs.task_id,
        versions.model,
        versions.account_id,
        versions.artist_account_id,
        count(*) as run_count,
        count(*) filter (is_counted and outcome = 'succeeded') as succeeded_count,
        count(*) filter (is_counted and outcome = 'failed') as failed_count,
        count(*) filter (is_counted and outcome = 'cancelled') as cancelled_count,
        count(*) filter (is_counted and outcome = 'expired') as expired_count,
        count(*) filter (is_counted and outcome = 'in_flight') as in_flight_count,
        count(*) filter (is_counted and outcome = 'unknown') as unknown_count,
        count(*) filter (is_test) as test_run_count,
        count(*) filter (not coalesce(is_test, false) and not is_in_production) as nonproduction_run_count,
        count(*) filter (found_by != 'window') as recovered_run_count,
        count(*) filter (outcome = 'failed') as wasted_run_count,
        count(*) filter (total_cents is null) as unpriced_run_count,
        sum(compute_cents) as compute_cents,
        sum(invocation_cents) as invocation_cents,
        sum(total_cents) as total_cents,
        sum(total_cents) filter (outcome = 'failed') as wasted_cents,
        bool_and(is_final) as is_final
    from scoped_runs as runs
    asof left join versions
        on versions.task_id = runs.task_id
        and versions.in_force_from <= runs.in_force_at
    group by runs.date, runs.task_id, versions.model, versions.account_id, versions.artist_account_id

),

scoped_missing as (

    select
        task_id,
        tick_at,
        tick_date as date
    from core.missing_runs
    where recovered_run_id is null
        and core.is_in_scope(tick_date)

),

missing as (

    select
        missing.date,
        missing.task_id,
        versions.model,
        versions.account_id,
        versions.artist_account_id,
        count(*) as runs_missing_count
    from scoped_missing as missing
    asof left join versions
        on versions.task_id = missing.task_id
        and versions.in_force_from <= missing.tick_at
    group by missing.date, missing.task_id, versions.model, versions.account_id, versions.artist_account_id

),

coverage as (

    select *
    from marts.coverage_facts
    where core.is_in_scope(date)

),

-- Days with neither are complete or unknown as a whole; only busy ones have anything to be joined.
quiet_days as (

    select
        coverage.date,
        coverage.task_id,
        versions.model,
        versions.account_id,
        versions.artist_account_id,
        coverage.coverage_ratio,
        coverage.coverage_status
    from coverage
    asof left join versions
        on versions.task_id = coverage.task_id
        and versions.in_force_from < coverage.day_ends_at
    where coverage.observed_run_count = 0
        and coverage.runs_missing_count = 0

),

counted_days as (

    select
        coalesce(runs.date, missing.date) as date,
        coalesce(runs.task_id, missing.task_id) as task_id,
        coalesce(runs.model, missing.model) as model,
        coalesce(runs.account_id, missing.account_id) as account_id,
        coalesce(runs.artist_account_id, missing.artist_account_id) as artist_account_id,
        runs.* exclude (date, task_id, model, account_id, artist_account_id),
        missing.runs_missing_count
    from runs
    full join missing
        on missing.date = runs.date
        and missing.task_id = runs.task_id
        and missing.model is not distinct from runs.model
        and missing.account_id is not distinct from runs.account_id
        and missing.artist_account_id is not distinct from runs.artist_account_id

),

days as (

    select
        counted_days.*,
        coverage.coverage_ratio,
        coverage.coverage_status
    from counted_days
    left join coverage
        on coverage.date = counted_days.date
        and coverage.task_id = counted_days.task_id
        and coverage.observed_run_count + coverage.runs_missing_count > 0

    union all by name

    select * from quiet_days

)

select
    days.date,
    days.task_id,
    days.account_id,
    days.artist_account_id,
    days.model,

    ---------- runs
    coalesce(days.run_count, 0) as run_count,
    coalesce(days.succeeded_count, 0) as succeeded_count,
    coalesce(days.failed_count, 0) as failed_count,
    coalesce(days.cancelled_count, 0) as cancelled_count,
    coalesce(days.expired_count, 0) as expired_count,
    coalesce(days.in_flight_count, 0) as in_flight_count,
    coalesce(days.unknown_count, 0) as unknown_count,
    coalesce(days.test_run_count, 0) as test_run_count,
    coalesce(days.nonproduction_run_count, 0) as nonproduction_run_count,
    coalesce(days.recovered_run_count, 0) as recovered_run_count,
    coalesce(days.is_final, true) as is_final,

    ---------- money: 0 without runs, null when no cost was told for any of them
    coalesce(days.unpriced_run_count, 0) as unpriced_run_count,
    case when days.run_count > 0 then days.compute_cents else 0 end as compute_cents,
    case when days.run_count > 0 then days.invocation_cents else 0 end as invocation_cents,
    case when days.run_count > 0 then days.total_cents else 0 end as total_cents,
    case when days.wasted_run_count > 0 then days.wasted_cents else 0 end as wasted_cents,

    ---------- completeness: missing runs by what was in force at their tick, ratio and status of the task's whole day
    coalesce(days.runs_missing_count, 0) as runs_missing_count,
    days.coverage_ratio,
    coalesce(days.coverage_status, 'unknown') as coverage_status
from days
