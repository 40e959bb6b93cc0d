-- How far does this file reach, how complete is it, and who made it?
-- Grain: one row in all.
with context as (

    select * from core.build_context

),

polls as (

    select
        count(*) as poll_count,
        count(*) filter (status in ('succeeded', 'suspect', 'partial')) as loaded_poll_count,
        max(finished_at) filter (status in ('succeeded', 'suspect', 'partial')) as polls_until_at,
        arg_max(status, (started_at, poll_id)) as last_poll_status,
        arg_max(poll_id, (started_at, poll_id)) as last_poll_id
    from core.polls

),

last_polls as (

    -- One, or one of each shard.
    select count(*) filter (status != 'succeeded') as unsettled_count
    from (
        select status
        from core.polls
        qualify row_number() over (partition by core.shard_of(poll_id) order by started_at desc, poll_id desc) = 1
    )

),

runs as (

    select
        count(*) as run_count,
        min(created_at) as first_run_at,
        max(created_at) as last_run_at
    from core.runs

),

shown as (

    -- What the API still shows is not rescued, as marts.runs_in_force says run by run.
    select count(*) as run_count
    from (
        select
            task_id,
            unnest(list_distinct(window_run_ids)) as run_id
        from core.tasks
        where deleted_at is null
    ) as windows
    inner join core.runs as runs
        on runs.run_id = windows.run_id
        and runs.task_id = windows.task_id

),

coverage as (

    select
        coalesce(sum(runs_missing_count), 0)::bigint as runs_missing_count,
        count(*) filter (coverage_status = 'unknown') as unknown_task_count
    from marts.task_coverage

)

select
    context.warehouse_version,
    context.as_of_at as built_at,
    context.source,
    context.reporting_timezone,
    polls.polls_until_at as polls_until,
    polls.last_poll_status,
    polls.last_poll_id,
    polls.poll_count,
    (select count(*) from core.tasks) as task_count,
    (select count(*) from core.tasks where deleted_at is not null) as deleted_task_count,
    runs.run_count,
    (select count(*) from core.attempts) as attempt_count,
    runs.first_run_at,
    runs.last_run_at,
    runs.run_count - shown.run_count as rescued_run_count,
    coverage.runs_missing_count,
    (select count(*) from core.listed_runs) as runs_not_attributed_count,
    runs.run_count / nullif(runs.run_count + coverage.runs_missing_count, 0) as coverage_ratio,
    core.coverage_status(
        coverage.runs_missing_count,
        coverage.unknown_task_count > 0
        or polls.loaded_poll_count = 0
        or last_polls.unsettled_count > 0
    ) as coverage_status,
    coverage.unknown_task_count,
    (select count(*) from core.quarantine) as quarantined_count
from context
cross join polls
cross join last_polls
cross join runs
cross join shown
cross join coverage
