-- Which task leaves the least time between two polls, and how much? One row, or none when no task ticks.
-- Parameters: $gaps, a JSON list of schedule, timezone and gap_seconds; $since, from when on runs count, as a text.
-- A run longer than five gaps leaves the window before it ends however often one polls; it is finished by its id.
-- Read by pipelines/schedule/poll_interval.py.
with gaps as (
    select g.*
    from (
        select unnest(from_json(
            $gaps::json, '[{"schedule": "VARCHAR", "timezone": "VARCHAR", "gap_seconds": "BIGINT"}]'
        )) as g
    )
),

longest_runs as (
    select task_id, ceil(max(epoch(finished_at) - epoch(created_at)))::bigint as longest_seconds
    from core.runs
    where created_at >= $since::timestamptz and finished_at is not null
    group by task_id
),

safe as (
    select
        tasks.task_id,
        tasks.schedule,
        gap_seconds,
        coalesce(longest_seconds, 0) as longest_run_seconds,
        case
            when longest_run_seconds < 5 * gap_seconds
                then least(4 * gap_seconds, 5 * gap_seconds - longest_run_seconds)
            else 4 * gap_seconds
        end as safe_seconds
    from core.tasks as tasks
    inner join gaps
        on gaps.schedule = tasks.schedule
        and gaps.timezone = coalesce(tasks.timezone, 'UTC')
    left join longest_runs
        on longest_runs.task_id = tasks.task_id
    where tasks.is_enabled and tasks.deleted_at is null
)

select task_id, schedule, gap_seconds, longest_run_seconds, safe_seconds
from safe
order by safe_seconds, task_id
limit 1
