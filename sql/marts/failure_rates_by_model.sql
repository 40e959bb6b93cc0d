-- Which language models' runs fail most, over the last 1, 7, 30 and 90 days?
-- Grain: one row per model in force and window. Key: window_days, model. Worst first, by failure_rank.
-- Models serve different tasks, so a difference may be the tasks'; task_changes compares one task with itself.
with coverage as (

    select
        window_days,
        sum(runs_missing_count) as fleet_missing_count,
        count(*) filter (coverage_status = 'unknown') as unknown_task_count,
        count(*) filter (coverage_status = 'not_observed_that_long') as young_task_count
    from marts.window_coverage
    group by window_days

),

missing as (

    select
        windows.window_days,
        missing.model,
        count(*) as runs_missing_count
    from marts.missing_run_facts as missing
    inner join coverage as windows
        on missing.tick_at > core.as_of() - to_hours(24 * windows.window_days)
    group by windows.window_days, missing.model

),

counts as (

    select
        window_days,
        model,
        count(distinct task_id) as task_count,
        sum(run_count)::bigint as run_count,
        sum(succeeded_count)::bigint as succeeded_count,
        sum(failed_count)::bigint as failed_count,
        sum(cancelled_count)::bigint as cancelled_count,
        sum(expired_count)::bigint as expired_count,
        sum(in_flight_count)::bigint as in_flight_count,
        sum(unknown_count)::bigint as unknown_count,
        sum(test_run_count)::bigint as test_run_count,
        sum(nonproduction_run_count)::bigint as nonproduction_run_count
    from marts.window_counts
    group by window_days, model

),

places as (

    select window_days, model from counts
    union
    select window_days, model from missing

),

joined as (

    select
        places.window_days,
        places.model,
        coalesce(counts.task_count, 0) as task_count,
        coalesce(counts.run_count, 0) as run_count,
        coalesce(counts.succeeded_count, 0) as succeeded_count,
        coalesce(counts.failed_count, 0) as failed_count,
        coalesce(counts.cancelled_count, 0) as cancelled_count,
        coalesce(counts.expired_count, 0) as expired_count,
        coalesce(counts.in_flight_count, 0) as in_flight_count,
        coalesce(counts.unknown_count, 0) as unknown_count,
        coalesce(counts.test_run_count, 0) as test_run_count,
        coalesce(counts.nonproduction_run_count, 0) as nonproduction_run_count,
        coalesce(counts.succeeded_count + counts.failed_count, 0) as n,
        coalesce(missing.runs_missing_count, 0) as runs_missing_count,
        core.window_status(
            coverage.fleet_missing_count, coverage.unknown_task_count > 0, coverage.young_task_count > 0
        ) as coverage_status
    from places
    left join counts
        on counts.window_days = places.window_days
        and counts.model is not distinct from places.model
    left join missing
        on missing.window_days = places.window_days
        and missing.model is not distinct from places.model
    left join coverage
        on coverage.window_days = places.window_days

),

rated as (

    select
        *,
        failed_count / nullif(n, 0) as failure_ratio,
        core.wilson_low(failed_count, n) as failure_ratio_low,
        core.wilson_high(failed_count, n) as failure_ratio_high
    from joined

)

select
    window_days,
    case
        when n > 0
            then row_number() over (
                partition by window_days
                order by failure_ratio_low desc nulls last, n desc, model
            )
    end as failure_rank,
    model,
    task_count,
    n,
    succeeded_count,
    failed_count,
    failure_ratio,
    failure_ratio_low,
    failure_ratio_high,

    ---------- in no ratio
    cancelled_count,
    expired_count,
    in_flight_count,
    unknown_count,
    test_run_count,
    nonproduction_run_count,
    run_count,

    ---------- completeness
    runs_missing_count,
    run_count / nullif(run_count + runs_missing_count, 0) as coverage_ratio,
    coalesce(coverage_status, 'unknown') as coverage_status
from rated
order by window_days, failure_ratio_low desc nulls last, n desc, model
