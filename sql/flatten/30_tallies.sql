-- What this poll brought, one row per column of core.polls; `09_sizes_before` has how much there was. Read by
-- pipelines/load/session.py. Rows and not columns, since counts side by side are a join of many tables to DuckDB.
select
    unnest(['task_count', 'unchanged_task_count', 'run_count', 'suspect_task_count']) as name,
    unnest(
        [
            count(*),
            count(*) filter (where not is_changed),
            coalesce(sum(run_count) filter (where not is_unknown), 0)::bigint,
            count(*) filter (where is_unknown)
        ]
    ) as value
from observed

union all

select
    'new_task_count',
    count(*) - getvariable('tasks_before')
from core.tasks

union all

select
    'new_run_count',
    count(*) - getvariable('runs_before')
from core.runs

union all

select
    'changed_task_count',
    count(*)
from new_versions
where not is_opening

union all

select
    'deleted_task_count',
    count(*)
from deletable

union all

select
    'deletions_withheld_count',
    count(*)
from absent
where task_id not in (select task_id from deletable)

union all

select
    'changed_run_count',
    count(*)
from changed_runs
where run_id in (select run_id from known_runs)

union all

select
    'recovered_run_count',
    count(*)
from core.runs
where first_poll_id = getvariable('poll_id')
    and found_by != 'window'
