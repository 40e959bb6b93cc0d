-- How completely are the last 7 days, the last 30 days and the whole history of each task known?
-- Grain: one row per task. Key: task_id. Windows end at the build's now and are counted in whole 24 hours.
-- A window that begins before the task was observed is unknown, unless runs are known to be missing in it.
with context as (

    select
        as_of_at,
        as_of_at - interval 168 hours as from_7d_at,
        as_of_at - interval 720 hours as from_30d_at
    from core.build_context

),

missing as (

    select
        missing.task_id,
        count(*) as runs_missing_count,
        count(*) filter (missing.tick_at > context.from_7d_at) as runs_missing_count_7d,
        count(*) filter (missing.tick_at > context.from_30d_at) as runs_missing_count_30d
    from marts.missing_run_facts as missing
    cross join context
    group by missing.task_id

),

observed as (

    select
        runs.task_id,
        count(*) as observed_run_count,
        count(*) filter (runs.created_at > context.from_7d_at) as observed_run_count_7d,
        count(*) filter (runs.created_at > context.from_30d_at) as observed_run_count_30d
    from core.runs as runs
    cross join context
    where runs.created_at <= context.as_of_at
    group by runs.task_id

),

uncountable as (

    select
        task_id,
        max(to_at) as uncountable_until_at
    from core.coverage_gaps
    where runs_missing_count is null
    group by task_id

),

joined as (

    select
        tasks.task_id,
        tasks.observed_from_at,
        context.from_7d_at,
        context.from_30d_at,
        uncountable.uncountable_until_at,
        case
            -- Runs between the last look and the deletion are lost, unless the announced ticks tell that none was due.
            when tasks.deleted_at is not null
                then tasks.schedule_id is null or coalesce(ticks.announced_until_at > tasks.deleted_at, false)
            -- A poll and the build after it are one thing; an hour later the newest runs count as not seen.
            else coalesce(tasks.observed_until_at >= context.as_of_at - interval 1 hour, false)
        end as is_seen_to_end,
        ticks.unseen_tick_count > 0 as has_unseen_ticks,
        coalesce(missing.runs_missing_count, 0) as runs_missing_count,
        coalesce(missing.runs_missing_count_7d, 0) as runs_missing_count_7d,
        coalesce(missing.runs_missing_count_30d, 0) as runs_missing_count_30d,
        coalesce(observed.observed_run_count, 0) as observed_run_count,
        coalesce(observed.observed_run_count_7d, 0) as observed_run_count_7d,
        coalesce(observed.observed_run_count_30d, 0) as observed_run_count_30d
    from core.tasks as tasks
    cross join context
    left join missing
        on missing.task_id = tasks.task_id
    left join observed
        on observed.task_id = tasks.task_id
    left join uncountable
        on uncountable.task_id = tasks.task_id
    left join marts.task_ticks as ticks
        on ticks.task_id = tasks.task_id

),

judged as (

    select
        *,
        not is_seen_to_end
        or has_unseen_ticks
        or observed_from_at is null as is_open_ended
    from joined

)

select
    task_id,
    runs_missing_count_7d,
    observed_run_count_7d / nullif(observed_run_count_7d + runs_missing_count_7d, 0) as coverage_ratio_7d,
    core.coverage_status(
        runs_missing_count_7d,
        is_open_ended or observed_from_at > from_7d_at or coalesce(uncountable_until_at > from_7d_at, false)
    ) as coverage_status_7d,
    runs_missing_count_30d,
    observed_run_count_30d / nullif(observed_run_count_30d + runs_missing_count_30d, 0) as coverage_ratio_30d,
    core.coverage_status(
        runs_missing_count_30d,
        is_open_ended or observed_from_at > from_30d_at or coalesce(uncountable_until_at > from_30d_at, false)
    ) as coverage_status_30d,
    runs_missing_count,
    observed_run_count / nullif(observed_run_count + runs_missing_count, 0) as coverage_ratio,
    core.coverage_status(runs_missing_count, is_open_ended or uncountable_until_at is not null) as coverage_status
from judged
