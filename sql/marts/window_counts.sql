-- All that can be summed of a task's last 1, 7, 30 and 90 days. The marts over windows are read from here.
-- Grain: one row per window, task, model in force and worker version that had a run. Key: those four.
-- Counts of outcomes leave out test runs and other environments; money is split into counted runs and the rest.
with windows as (

    select
        unnest([1, 7, 30, 90]) as window_days

),

aged_runs as (

    -- The smallest window that holds the run; the wider ones hold it too.
    select
        facts.*,
        case
            when facts.created_at > core.as_of() - to_hours(24) then 1
            when facts.created_at > core.as_of() - to_hours(24 * 7) then 7
            when facts.created_at > core.as_of() - to_hours(24 * 30) then 30
            else 90
        end as first_window_days
    from marts.runs_in_force as facts
    where facts.created_at > core.as_of() - to_hours(24 * 90)
        and facts.created_at <= core.as_of()

),

sums as (

    select
        first_window_days,
        task_id,
        model,
        worker_version,
        count(*) as run_count,
        count(*) filter (is_counted and outcome = 'succeeded') as succeeded_count,
        count(*) filter (is_counted and outcome = 'failed') as failed_count,
        count(*) filter (is_counted and outcome = 'cancelled') as cancelled_count,
        count(*) filter (is_counted and outcome = 'expired') as expired_count,
        count(*) filter (is_counted and outcome = 'in_flight') as in_flight_count,
        count(*) filter (is_counted and outcome = 'unknown') as unknown_count,
        count(*) filter (is_test) as test_run_count,
        count(*) filter (not is_test and not is_in_production) as nonproduction_run_count,
        count(*) filter (is_counted and total_cents is null) as unpriced_run_count,
        count(*) filter (is_counted and outcome = 'failed' and total_cents is null) as unpriced_failed_count,
        coalesce(sum(total_cents) filter (is_counted), 0) as total_cents,
        coalesce(sum(total_cents) filter (is_counted and outcome = 'failed'), 0) as wasted_cents,
        coalesce(sum(total_cents) filter (not is_counted), 0) as uncounted_cents,
        bool_and(is_final) as is_final,
        min(created_at) as first_run_at,
        max(created_at) as last_run_at
    from aged_runs
    group by first_window_days, task_id, model, worker_version

)

select
    windows.window_days,
    sums.task_id,
    any_value(tasks.title) as title,
    sums.model,
    sums.worker_version,
    sum(sums.run_count)::bigint as run_count,
    sum(sums.succeeded_count)::bigint as succeeded_count,
    sum(sums.failed_count)::bigint as failed_count,
    sum(sums.cancelled_count)::bigint as cancelled_count,
    sum(sums.expired_count)::bigint as expired_count,
    sum(sums.in_flight_count)::bigint as in_flight_count,
    sum(sums.unknown_count)::bigint as unknown_count,
    sum(sums.test_run_count)::bigint as test_run_count,
    sum(sums.nonproduction_run_count)::bigint as nonproduction_run_count,
    sum(sums.unpriced_run_count)::bigint as unpriced_run_count,
    sum(sums.unpriced_failed_count)::bigint as unpriced_failed_count,
    sum(sums.total_cents) as total_cents,
    sum(sums.wasted_cents) as wasted_cents,
    sum(sums.uncounted_cents) as uncounted_cents,
    bool_and(sums.is_final) as is_final,
    min(sums.first_run_at) as first_run_at,
    max(sums.last_run_at) as last_run_at,
    any_value(coalesce(coverage.runs_missing_count, 0)) as runs_missing_count,
    any_value(coalesce(coverage.coverage_status, 'unknown')) as coverage_status
from sums
inner join windows
    on windows.window_days >= sums.first_window_days
left join marts.window_coverage as coverage
    on coverage.task_id = sums.task_id
    and coverage.window_days = windows.window_days
left join core.tasks as tasks
    on tasks.task_id = sums.task_id
group by windows.window_days, sums.task_id, sums.model, sums.worker_version
