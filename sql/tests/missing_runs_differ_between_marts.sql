-- severity: error
-- asset: marts.task_day_facts
-- A failing row is a task and day whose missing runs, summed over models, are not those of coverage_facts.
select
    coalesce(days.date, coverage.date) as date,
    coalesce(days.task_id, coverage.task_id) as task_id
from (
    select
        date,
        task_id,
        sum(runs_missing_count) as runs_missing_count
    from marts.task_day_facts
    where task_id is not null
        and core.is_checked(date)
    group by date, task_id
) as days
full join (from marts.coverage_facts where core.is_checked(date)) as coverage
    on coverage.date = days.date
    and coverage.task_id = days.task_id
where days.runs_missing_count is distinct from coverage.runs_missing_count
