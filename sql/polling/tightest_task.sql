-- Which task leaves the least time between two polls, and how much? One row, or none when no task ticks.
-- Parameters: $gaps, a JSON list of schedule, timezone and gap_ms; $as_of, the time that counts as now, as a text.
-- Read by pipelines/schedule/poll_interval.py. marts.poll_advice says the same of every task.
with gaps as (

    select g.*
    from (
        select unnest(from_json(
            $gaps::json, '[{"schedule": "VARCHAR", "timezone": "VARCHAR", "gap_ms": "BIGINT"}]'
        )) as g
    )

),

longest_runs as (

    select
        task_id,
        max(epoch_ms(finished_at) - epoch_ms(created_at)) as longest_run_ms
    from core.runs
    where created_at > $as_of::timestamptz - core.pace_memory()
        and finished_at is not null
    group by task_id

)

select
    tasks.task_id,
    tasks.schedule,
    gaps.gap_ms,
    coalesce(longest_runs.longest_run_ms, 0) as longest_run_ms,
    core.safe_poll_ms(gaps.gap_ms, longest_runs.longest_run_ms) as safe_ms
from core.tasks as tasks
inner join gaps
    on gaps.schedule = tasks.schedule
    and gaps.timezone = coalesce(tasks.timezone, 'UTC')
left join longest_runs
    on longest_runs.task_id = tasks.task_id
where tasks.is_enabled
    and tasks.deleted_at is null
order by safe_ms, tasks.task_id
limit 1
