-- severity: error
-- asset: marts.coverage_facts
-- A failing row is a task whose observed or missing runs over all days that are looked at are not those of core.
with observed as (

    select
        task_id,
        count(*) as run_count
    from core.runs
    where task_id is not null
        and core.is_checked(created_date)
    group by task_id

),

missing as (

    select
        task_id,
        count(*) as run_count
    from core.missing_runs
    where recovered_run_id is null
        and core.is_checked(tick_date)
    group by task_id

),

shown as (

    select
        task_id,
        sum(observed_run_count) as observed_run_count,
        sum(runs_missing_count) as runs_missing_count
    from marts.coverage_facts
    where core.is_checked(date)
    group by task_id

)

select shown.task_id
from shown
left join observed
    on observed.task_id = shown.task_id
left join missing
    on missing.task_id = shown.task_id
where shown.observed_run_count != coalesce(observed.run_count, 0)
    or shown.runs_missing_count != coalesce(missing.run_count, 0)

union all

select task_id from observed where task_id not in (select task_id from shown)

union all

select task_id from missing where task_id not in (select task_id from shown)
