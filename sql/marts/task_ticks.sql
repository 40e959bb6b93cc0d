-- When is each task due next, and has it failed to come?
-- Grain: one row per task. Key: task_id. Ticks as the API announced them (core.upcoming_ticks), and as cron expects them:
-- the API announces from the newest run's payload, so a schedule that does not fire soon announces nothing. What it still
-- announces after a change of the cron expression is left out.
with tasks as (

    select
        *,
        is_enabled and deleted_at is null as is_expected,
        coalesce(deleted_at, 'infinity'::timestamptz) as exists_until_at
    from core.tasks

),

rescheduled as (

    select
        task_id,
        max(valid_from) as rescheduled_at
    from core.task_versions
    where list_contains(changed_columns, 'schedule')
    group by task_id

),

ticks as (

    select ticks.*
    from core.upcoming_ticks as ticks
    inner join tasks
        on tasks.task_id = ticks.task_id
    left join rescheduled
        on rescheduled.task_id = ticks.task_id
    where coalesce(ticks.announced_at > rescheduled.rescheduled_at, true)

),

next_ticks as (

    select
        ticks.task_id,
        min(ticks.tick_at) as next_tick_at
    from ticks
    inner join tasks
        on tasks.task_id = ticks.task_id
    where tasks.is_expected
        and ticks.tick_at > core.as_of()
    group by ticks.task_id

),

newest_due as (

    -- An hour's grace: a run may wait in the queue, and shows in the list with a delay.
    select
        ticks.task_id,
        max(ticks.tick_at) as tick_at
    from ticks
    inner join tasks
        on tasks.task_id = ticks.task_id
    where tasks.is_expected
        and ticks.tick_at <= tasks.observed_until_at - interval 1 hour
    group by ticks.task_id

),

overdue as (

    select
        newest_due.task_id,
        newest_due.tick_at as overdue_since_at
    from newest_due
    anti join core.runs as runs
        on runs.task_id = newest_due.task_id
        and runs.created_at >= newest_due.tick_at - core.tick_tolerance()
        and runs.created_at <= newest_due.tick_at + interval 1 hour
    -- A tick inside a hole may well have run: it is missing from here, not overdue there.
    anti join core.missing_runs as missing
        on missing.task_id = newest_due.task_id
        and missing.tick_at = newest_due.tick_at

),

misses as (

    -- Misses in a row, by cron: since the newest tick that had a run, as far as anybody can tell.
    select
        ticks.task_id,
        min(ticks.tick_at) as missed_since_at,
        count(*) as missed_tick_count
    from marts.schedule_adherence as ticks
    inner join tasks
        on tasks.task_id = ticks.task_id
    left join (
        select
            task_id,
            max(tick_at) as tick_at
        from marts.schedule_adherence
        where run_id is not null
        group by task_id
    ) as kept
        on kept.task_id = ticks.task_id
    where tasks.is_expected
        and ticks.status = 'missed'
        and coalesce(ticks.tick_at > kept.tick_at, true)
    group by ticks.task_id

),

expected_next as (

    select
        ticks.task_id,
        min(ticks.tick_at) as next_tick_at
    from core.expected_ticks as ticks
    inner join tasks
        on tasks.task_id = ticks.task_id
    where tasks.is_expected
        and ticks.is_future
    group by ticks.task_id

),

unseen_ticks as (

    -- Ticks after the last look at the task, until now or until its deletion: whether they ran, nobody knows.
    select
        ticks.task_id,
        max(ticks.tick_at) as announced_until_at,
        count(*) filter (
            ticks.tick_at > tasks.observed_until_at
            and ticks.tick_at <= least(core.as_of(), tasks.exists_until_at)
        ) as unseen_tick_count
    from ticks
    inner join tasks
        on tasks.task_id = ticks.task_id
    group by ticks.task_id

)

select
    tasks.task_id,
    tasks.title,
    coalesce(next_ticks.next_tick_at, expected_next.next_tick_at) as next_tick_at,
    overdue.task_id is not null or misses.task_id is not null as is_overdue,
    least(misses.missed_since_at, overdue.overdue_since_at) as overdue_since_at,
    coalesce(misses.missed_tick_count, 0) as missed_tick_count,
    unseen_ticks.announced_until_at,
    coalesce(unseen_ticks.unseen_tick_count, 0) as unseen_tick_count
from tasks
left join next_ticks
    on next_ticks.task_id = tasks.task_id
left join overdue
    on overdue.task_id = tasks.task_id
left join misses
    on misses.task_id = tasks.task_id
left join expected_next
    on expected_next.task_id = tasks.task_id
left join unseen_ticks
    on unseen_ticks.task_id = tasks.task_id
