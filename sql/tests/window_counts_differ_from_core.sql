-- severity: error
-- asset: marts.window_counts
-- A failing row is a task and window whose runs, outcomes or cents are not exactly those of core.runs. The marts over
-- windows are read from here.
with windows as (

    select unnest([1, 7, 30, 90]) as window_days

),

counted as (

    select
        windows.window_days,
        runs.task_id,
        count(*) as run_count,
        count(*) filter (
            outcome = 'failed'
            and not coalesce(is_test, false)
            and coalesce(is_production, true)
        ) as failed_count,
        coalesce(sum(total_cents), 0) as all_cents
    from core.runs as runs
    inner join windows
        on runs.created_at > core.as_of() - to_hours(24 * windows.window_days)
    where runs.created_at > core.as_of() - to_hours(24 * 90)
        and runs.created_at <= core.as_of()
    group by windows.window_days, runs.task_id

),

shown as (

    select
        window_days,
        task_id,
        sum(run_count) as run_count,
        sum(failed_count) as failed_count,
        sum(total_cents + uncounted_cents) as all_cents
    from marts.window_counts
    group by window_days, task_id

)

select
    coalesce(shown.window_days, counted.window_days) as window_days,
    coalesce(shown.task_id, counted.task_id) as task_id
from shown
full join counted
    on counted.window_days = shown.window_days
    and counted.task_id is not distinct from shown.task_id
where counted.run_count is distinct from shown.run_count
    or counted.failed_count is distinct from shown.failed_count
    or counted.all_cents is distinct from shown.all_cents
