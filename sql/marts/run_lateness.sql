-- How late do runs come into the list, and for how long is a tick therefore open before it is called missed?
-- Grain: one row in all. A run was late when its task had been looked at after its tick and did not show it yet.
-- The list is read after the tick anyway, so a lateness is known only from the look before: it was at least so much.
with loaded_polls as (

    select
        poll_id,
        lag(poll_id) over by_time as poll_before_id,
        lag(started_at) over by_time as poll_before_at
    from core.polls
    where status in ('succeeded', 'suspect')
    window by_time as (partition by core.shard_of(poll_id) order by started_at, poll_id)

),

candidates as (

    select
        runs.task_id,
        runs.created_at,
        polls.poll_before_id
    from core.runs as runs
    inner join loaded_polls as polls
        on polls.poll_id = runs.first_poll_id
    where runs.created_at > core.as_of() - interval 30 days
        and runs.created_at < polls.poll_before_at - core.list_lag()
        and runs.found_by = 'window'

),

late_runs as (

    select epoch(looks.observed_at) - epoch(candidates.created_at) as lateness_seconds
    from candidates
    inner join core.task_observations as looks
        on looks.poll_id = candidates.poll_before_id
        and looks.task_id = candidates.task_id
    where looks.verdict != 'unknown'
        and looks.schedule_id is not null
        and coalesce(looks.newest_run_at < candidates.created_at, true)

)

select
    core.as_of() as as_of_at,
    count(late_runs.lateness_seconds) as late_run_count,
    max(late_runs.lateness_seconds)::decimal(18, 3) as largest_lateness_seconds,
    least(
        greatest(max(late_runs.lateness_seconds), epoch(core.lateness_allowance())),
        epoch(core.longest_lateness())
    )::decimal(18, 3) as lateness_allowance_seconds
from late_runs
