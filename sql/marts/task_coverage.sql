-- How completely are the last 7 days, the last 30 days and the whole history of each task known?
-- Grain: one row per task. Key: task_id. The windows, and what makes one unknown, are those of window_coverage.
with windows as (

    select
        task_id,
        any_value(is_open_ended) as is_open_ended,
        any_value(uncountable_until_at) as uncountable_until_at,
        any_value(runs_missing_count) filter (window_days = 7) as runs_missing_count_7d,
        any_value(coverage_ratio) filter (window_days = 7) as coverage_ratio_7d,
        any_value(coverage_status) filter (window_days = 7) as coverage_status_7d,
        any_value(runs_missing_count) filter (window_days = 30) as runs_missing_count_30d,
        any_value(coverage_ratio) filter (window_days = 30) as coverage_ratio_30d,
        any_value(coverage_status) filter (window_days = 30) as coverage_status_30d
    from marts.window_coverage
    group by task_id

),

missing as (

    select
        task_id,
        count(*) as runs_missing_count
    from marts.missing_run_facts
    group by task_id

),

observed as (

    select
        runs.task_id,
        count(*) as observed_run_count
    from core.runs as runs
    where runs.created_at <= core.as_of()
    group by runs.task_id

),

joined as (

    select
        windows.*,
        coalesce(missing.runs_missing_count, 0) as runs_missing_count,
        coalesce(observed.observed_run_count, 0) as observed_run_count
    from windows
    left join missing
        on missing.task_id = windows.task_id
    left join observed
        on observed.task_id = windows.task_id

)

select
    joined.task_id,
    tasks.title,
    joined.runs_missing_count_7d,
    joined.coverage_ratio_7d,
    joined.coverage_status_7d,
    joined.runs_missing_count_30d,
    joined.coverage_ratio_30d,
    joined.coverage_status_30d,
    joined.runs_missing_count,
    joined.observed_run_count
    / nullif(joined.observed_run_count + joined.runs_missing_count, 0) as coverage_ratio,
    core.coverage_status(
        joined.runs_missing_count, joined.is_open_ended or joined.uncountable_until_at is not null
    ) as coverage_status
from joined
inner join core.tasks as tasks
    on tasks.task_id = joined.task_id
