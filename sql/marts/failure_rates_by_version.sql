-- Did a deployment of the worker make runs fail? Rates by worker version over the last 1, 7, 30 and 90 days.
-- Grain: one row per worker version and window. Key: window_days, worker_version. Worst first, by failure_rank.
-- Missing runs overlap: each stands beside every version in use at its time, since nobody knows which it would have had. Do
-- not add them up. A run that never started has no version.
with coverage as (

    select
        window_days,
        sum(runs_missing_count) as fleet_missing_count,
        count(*) filter (coverage_status = 'unknown') as unknown_task_count,
        count(*) filter (coverage_status = 'not_observed_that_long') as young_task_count
    from marts.window_coverage
    group by window_days

),

counts as (

    select
        window_days,
        worker_version,
        count(distinct task_id) as task_count,
        sum(run_count)::bigint as run_count,
        sum(succeeded_count)::bigint as succeeded_count,
        sum(failed_count)::bigint as failed_count,
        sum(cancelled_count)::bigint as cancelled_count,
        sum(expired_count)::bigint as expired_count,
        sum(in_flight_count)::bigint as in_flight_count,
        sum(unknown_count)::bigint as unknown_count,
        sum(test_run_count)::bigint as test_run_count,
        sum(nonproduction_run_count)::bigint as nonproduction_run_count,
        sum(succeeded_count + failed_count)::bigint as n,
        min(first_run_at) as first_run_at,
        max(last_run_at) as last_run_at
    from marts.window_counts
    group by window_days, worker_version

),

missing as (

    select
        counts.window_days,
        counts.worker_version,
        count(*) as runs_missing_count
    from counts
    inner join marts.missing_run_facts as missing
        on missing.tick_at between counts.first_run_at and counts.last_run_at
    group by counts.window_days, counts.worker_version

),

rated as (

    select
        *,
        failed_count / nullif(n, 0) as failure_ratio,
        core.wilson_low(failed_count, n) as failure_ratio_low,
        core.wilson_high(failed_count, n) as failure_ratio_high
    from counts

)

select
    rated.window_days,
    case
        when rated.n > 0
            then row_number() over (
                partition by rated.window_days
                order by rated.failure_ratio_low desc nulls last, rated.n desc, rated.worker_version
            )
    end as failure_rank,
    rated.worker_version,
    rated.first_run_at,
    rated.last_run_at,
    rated.task_count,
    rated.n,
    rated.succeeded_count,
    rated.failed_count,
    rated.failure_ratio,
    rated.failure_ratio_low,
    rated.failure_ratio_high,

    ---------- in no ratio
    rated.cancelled_count,
    rated.expired_count,
    rated.in_flight_count,
    rated.unknown_count,
    rated.test_run_count,
    rated.nonproduction_run_count,
    rated.run_count,

    ---------- completeness
    coalesce(missing.runs_missing_count, 0) as runs_missing_count,
    rated.run_count / nullif(rated.run_count + coalesce(missing.runs_missing_count, 0), 0) as coverage_ratio,
    core.window_status(
        coalesce(coverage.fleet_missing_count, 0),
        coalesce(coverage.unknown_task_count > 0, true),
        coverage.young_task_count > 0
    ) as coverage_status
from rated
left join missing
    on missing.window_days = rated.window_days
    and missing.worker_version is not distinct from rated.worker_version
left join coverage
    on coverage.window_days = rated.window_days
order by rated.window_days, rated.failure_ratio_low desc nulls last, rated.n desc, rated.worker_version
