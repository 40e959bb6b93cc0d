-- What does one success cost, and how much of the money bought none?
-- Grain: one row per task and window of 1, 7, 30 and 90 days. Key: task_id, window_days. Most waste first.
-- Counted runs only, whatever their outcome; test runs and other environments stand beside it. Not the language
-- model's bill.
with coverage as (

    select * from marts.window_coverage

),

counts as (

    select
        task_id,
        window_days,
        sum(run_count - test_run_count - nonproduction_run_count)::bigint as run_count,
        sum(succeeded_count)::bigint as succeeded_count,
        sum(failed_count)::bigint as failed_count,
        sum(test_run_count)::bigint as test_run_count,
        sum(nonproduction_run_count)::bigint as nonproduction_run_count,
        sum(unpriced_run_count)::bigint as unpriced_run_count,
        sum(unpriced_failed_count)::bigint as unpriced_failed_count,
        sum(total_cents) as total_cents,
        sum(wasted_cents) as wasted_cents,
        sum(uncounted_cents) as uncounted_cents,
        bool_and(is_final) as is_final
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
        coalesce(counts.test_run_count, 0) as test_run_count,
        coalesce(counts.nonproduction_run_count, 0) as nonproduction_run_count,
        coalesce(counts.unpriced_run_count, 0) as unpriced_run_count,
        -- 0 without runs; null when nothing but unknown costs was told.
        case
            when counts.unpriced_run_count > 0 then nullif(counts.total_cents, 0)
            else coalesce(counts.total_cents, 0)
        end as total_cents,
        case
            when counts.unpriced_failed_count > 0 then nullif(counts.wasted_cents, 0)
            else coalesce(counts.wasted_cents, 0)
        end as wasted_cents,
        coalesce(counts.uncounted_cents, 0) as uncounted_cents,
        coalesce(counts.is_final, true) as is_final
    from places
    left join counts
        on counts.task_id is not distinct from places.task_id
        and counts.window_days = places.window_days

),

divided as (

    select
        *,
        core.divide_cents(total_cents, succeeded_count) as cost_per_success_cents
    from joined

)

select
    divided.window_days,
    divided.task_id,
    tasks.title,
    tasks.account_id,
    tasks.artist_account_id,
    tasks.artist_name,
    divided.run_count,
    divided.succeeded_count,
    divided.failed_count,

    ---------- money
    divided.cost_per_success_cents,
    core.usd(divided.cost_per_success_cents) as cost_per_success_usd,
    divided.total_cents,
    core.usd(divided.total_cents) as total_usd,
    divided.wasted_cents,
    core.usd(divided.wasted_cents) as wasted_usd,
    divided.wasted_cents / nullif(divided.total_cents, 0) as wasted_ratio,
    divided.uncounted_cents,
    divided.test_run_count,
    divided.nonproduction_run_count,
    divided.unpriced_run_count,
    divided.is_final,

    ---------- completeness
    coalesce(coverage.runs_missing_count, 0) as runs_missing_count,
    coverage.coverage_ratio,
    coalesce(coverage.coverage_status, 'unknown') as coverage_status
from divided
left join coverage
    on coverage.task_id = divided.task_id
    and coverage.window_days = divided.window_days
left join core.tasks as tasks
    on tasks.task_id = divided.task_id
order by divided.window_days, divided.wasted_cents desc nulls last, divided.task_id
