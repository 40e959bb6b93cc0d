-- Which run took the place of which tick?
-- Grain: one row per task and past cron tick that has a run; a run takes one tick, a tick one run. Key: task_id, tick_at.
-- Scheduled runs are created at the nominal cron time, give or take a minute; nearest first, the exact instant above all.
with ticks as (

    select
        task_id,
        tick_at
    from core.expected_ticks
    where not is_future

),

runs as (

    select
        task_id,
        run_id,
        created_at,
        started_at
    from core.runs
    where task_id is not null

),

exact_runs as (

    -- Two runs at one tick (a test beside the real one): the one that started, then the first id.
    select
        ticks.task_id,
        ticks.tick_at,
        arg_min(runs.run_id, (runs.started_at is null, runs.run_id)) as run_id
    from ticks
    inner join runs
        on runs.task_id = ticks.task_id
        and runs.created_at = ticks.tick_at
    group by ticks.task_id, ticks.tick_at

),

other_runs as (

    select
        runs.task_id,
        runs.run_id,
        runs.created_at,
        (epoch(runs.created_at) // 60)::bigint * 60 as minute
    from runs
    where not exists (
        select 1
        from exact_runs
        where exact_runs.task_id = runs.task_id
            and exact_runs.tick_at = runs.created_at
    )

),

free_ticks as (

    -- By minute, so that the join below stays an equality: the minute itself and both neighbours, which hold all
    -- within core.tick_tolerance(). Few ticks are left here, but runs are many.
    select
        ticks.task_id,
        ticks.tick_at,
        unnest([-60, 0, 60]) + (epoch(ticks.tick_at) // 60)::bigint * 60 as minute
    from ticks
    anti join exact_runs
        on exact_runs.task_id = ticks.task_id
        and exact_runs.tick_at = ticks.tick_at

),

near_runs as (

    select
        free_ticks.task_id,
        free_ticks.tick_at,
        other_runs.run_id
    from free_ticks
    inner join other_runs
        on other_runs.task_id = free_ticks.task_id
        and other_runs.minute = free_ticks.minute
    where abs(epoch(other_runs.created_at) - epoch(free_ticks.tick_at)) <= epoch(core.tick_tolerance())
    qualify row_number() over (
            partition by free_ticks.task_id, free_ticks.tick_at
            order by abs(epoch(other_runs.created_at) - epoch(free_ticks.tick_at)), other_runs.run_id
        ) = 1
        and row_number() over (
            partition by other_runs.run_id
            order by abs(epoch(other_runs.created_at) - epoch(free_ticks.tick_at)), free_ticks.tick_at
        ) = 1

),

taken as (

    select
        task_id,
        tick_at,
        run_id
    from exact_runs

    union all

    select
        task_id,
        tick_at,
        run_id
    from near_runs

)

select
    taken.task_id,
    tasks.title,
    taken.tick_at,
    taken.run_id
from taken
left join core.tasks as tasks
    on tasks.task_id = taken.task_id
