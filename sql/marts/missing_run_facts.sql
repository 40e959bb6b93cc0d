-- Which runs must have existed and were never seen?
-- Grain: one row per task and cron tick. Key: task_id, tick_at. Ticks whose run was found later are left out.
with versions as (

    select
        task_id,
        case
            when version_number = 1 then '-infinity'::timestamptz
            else valid_from
        end as in_force_from,
        model,
        account_id,
        artist_account_id
    from core.task_versions

),

missing as (

    select *
    from core.missing_runs
    where recovered_run_id is null

)

select
    missing.task_id,
    tasks.title,
    missing.tick_at,
    missing.tick_date as date,
    versions.model,
    versions.account_id,
    versions.artist_account_id,
    missing.gap_id,
    gaps.cause
from missing
asof left join versions
    on versions.task_id = missing.task_id
    and versions.in_force_from <= missing.tick_at
left join core.coverage_gaps as gaps
    on gaps.gap_id = missing.gap_id
left join core.tasks as tasks
    on tasks.task_id = missing.task_id
