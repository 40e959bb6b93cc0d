-- Which tasks fail most, over the last 1, 7, 30 and 90 days?
-- Grain: one row per task and window, tasks without runs too. Key: task_id, window_days. Worst first, by failure_rank.
-- Failed / (succeeded + failed); test runs and other environments are left out and counted beside it.
with coverage as (

    select * from marts.window_coverage

),

counts as (

    select
        task_id,
        window_days,
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
    group by task_id, window_days

),

places as (

    select task_id, window_days from coverage
    union
    select task_id, window_days from counts

),

joined as (

    select
        places.task_id,
        places.window_days,
        coalesce(counts.run_count, 0) as run_count,
        coalesce(counts.succeeded_count, 0) as succeeded_count,
        coalesce(counts.failed_count, 0) as failed_count,
        coalesce(counts.cancelled_count, 0) as cancelled_count,
        coalesce(counts.expired_count, 0) as expired_count,
        coalesce(counts.in_flight_count, 0) as in_flight_count,
        coalesce(counts.unknown_count, 0) as unknown_count,
        coalesce(counts.test_run_count, 0) as test_run_count,
        coalesce(counts.nonproduction_run_count, 0) as nonproduction_run_count,
        coalesce(counts.succeeded_count + counts.failed_count, 0) as n
    from places
    left join counts
        on counts.task_id is not distinct from places.task_id
        and counts.window_days = places.window_days

),

rated as (

    select
        joined.*,
        joined.failed_count / nullif(joined.n, 0) as failure_ratio,
        core.wilson_low(joined.failed_count, joined.n) as failure_ratio_low,
        core.wilson_high(joined.failed_count, joined.n) as failure_ratio_high,
        coalesce(coverage.runs_missing_count, 0) as runs_missing_count,
        coverage.coverage_ratio,
        coalesce(coverage.coverage_status, 'unknown') as coverage_status,
        core.unseen_count(
            coverage.coverage_status, coverage.runs_missing_count, joined.in_flight_count, joined.unknown_count
        ) as unseen_count
    from joined
    left join coverage
        on coverage.task_id = joined.task_id
        and coverage.window_days = joined.window_days

)

select
    rated.window_days,
    case
        when rated.n > 0
            then row_number() over (
                partition by rated.window_days
                order by rated.failure_ratio_low desc nulls last, rated.n desc, rated.task_id
            )
    end as failure_rank,
    rated.task_id,
    tasks.title,
    tasks.account_id,
    tasks.artist_account_id,
    tasks.artist_name,
    rated.n,
    rated.succeeded_count,
    rated.failed_count,
    rated.failure_ratio,
    rated.failure_ratio_low,
    rated.failure_ratio_high,

    ---------- with what was not seen: null where nobody knows how many those are
    core.least_ratio(rated.failed_count, rated.n, rated.unseen_count) as failure_ratio_least,
    core.most_ratio(rated.failed_count, rated.n, rated.unseen_count) as failure_ratio_most,
    core.modelled_low(rated.failed_count, rated.n, rated.unseen_count, unseen.least_failed_count)
        as failure_ratio_modelled_low,
    core.modelled_high(rated.failed_count, rated.n, rated.unseen_count, unseen.most_failed_count)
        as failure_ratio_modelled_high,
    rated.unseen_count,

    ---------- in no ratio
    rated.cancelled_count,
    rated.expired_count,
    rated.in_flight_count,
    rated.unknown_count,
    rated.test_run_count,
    rated.nonproduction_run_count,
    rated.run_count,

    ---------- completeness
    rated.runs_missing_count,
    rated.coverage_ratio,
    rated.coverage_status
from rated
left join marts.unseen_outcomes as unseen
    on unseen.task_id is not distinct from rated.task_id
    and unseen.window_days = rated.window_days
left join core.tasks as tasks
    on tasks.task_id = rated.task_id
order by rated.window_days, rated.failure_ratio_low desc nulls last, rated.n desc, rated.task_id
