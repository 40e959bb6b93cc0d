-- How completely are the last 1, 7, 30 and 90 days of each task known? The rates over windows read it from here.
-- Grain: one row per task and window. Key: task_id, window_days. Windows end at the build's now, in whole 24 hours.
-- A window that begins before the task was observed (and was there) has a status of its own: not_observed_that_long.
with windows as (

    select
        unnest([1, 7, 30, 90]) as window_days

),

bounded_windows as (

    select
        window_days,
        core.as_of() - to_hours(24 * window_days) as from_at
    from windows

),

observed as (

    select
        runs.task_id,
        windows.window_days,
        count(*) as observed_run_count
    from core.runs as runs
    inner join bounded_windows as windows
        on runs.created_at > windows.from_at
    where runs.created_at > core.as_of() - to_hours(24 * 90)
        and runs.created_at <= core.as_of()
    group by runs.task_id, windows.window_days

),

missing as (

    select
        missing.task_id,
        windows.window_days,
        count(*) as runs_missing_count
    from marts.missing_run_facts as missing
    inner join bounded_windows as windows
        on missing.tick_at > windows.from_at
    group by missing.task_id, windows.window_days

),

uncountable as (

    select
        task_id,
        max(to_at) as uncountable_until_at
    from core.coverage_gaps
    where runs_missing_count is null
    group by task_id

),

judged_tasks as (

    select
        tasks.task_id,
        tasks.observed_from_at,
        tasks.created_at,
        uncountable.uncountable_until_at,
        tasks.observed_from_at is null
        or coalesce(ticks.unseen_tick_count > 0, false)
        or case
            -- Runs between the last look and the deletion are lost, unless the announced ticks tell that none was due.
            when tasks.deleted_at is not null
                then tasks.schedule_id is not null and coalesce(ticks.announced_until_at <= tasks.deleted_at, true)
            -- A poll and the build after it are one thing; an hour later the newest runs count as not seen.
            else coalesce(tasks.observed_until_at < core.as_of() - interval 1 hour, true)
        end as is_open_ended
    from core.tasks as tasks
    left join uncountable
        on uncountable.task_id = tasks.task_id
    left join marts.task_ticks as ticks
        on ticks.task_id = tasks.task_id

),

joined as (

    select
        tasks.task_id,
        windows.window_days,
        windows.from_at,
        tasks.is_open_ended,
        tasks.uncountable_until_at,
        coalesce(observed.observed_run_count, 0) as observed_run_count,
        coalesce(missing.runs_missing_count, 0) as runs_missing_count,
        tasks.is_open_ended
        or coalesce(tasks.uncountable_until_at > windows.from_at, false) as is_unknown,
        -- A task has no runs from before it was made.
        coalesce(tasks.observed_from_at > greatest(windows.from_at, tasks.created_at), false) as is_too_long
    from judged_tasks as tasks
    cross join bounded_windows as windows
    left join observed
        on observed.task_id = tasks.task_id
        and observed.window_days = windows.window_days
    left join missing
        on missing.task_id = tasks.task_id
        and missing.window_days = windows.window_days

)

select
    joined.task_id,
    tasks.title,
    joined.window_days,
    joined.from_at,
    joined.is_open_ended,
    joined.uncountable_until_at,
    joined.observed_run_count,
    joined.runs_missing_count,
    joined.observed_run_count
    / nullif(joined.observed_run_count + joined.runs_missing_count, 0) as coverage_ratio,
    core.window_status(joined.runs_missing_count, joined.is_unknown, joined.is_too_long) as coverage_status
from joined
inner join core.tasks as tasks
    on tasks.task_id = joined.task_id
