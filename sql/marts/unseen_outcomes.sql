-- How did the runs end whose end nobody saw? What the seen runs of the same hours of the day let expect.
-- Grain: one row per task and window of 1, 7, 30 and 90 days with such a run. Key: task_id, window_days.
-- Unseen are missing runs, and runs without a known outcome. Test runs and other environments are left out.
with windows as (

    select
        unnest([1, 7, 30, 90]) as window_days

),

incomplete_tasks as (

    -- In a fleet of which all is known there are few, and the rest need not be read by hours.
    select task_id
    from core.missing_runs
    where recovered_run_id is null
    union
    select task_id
    from core.runs
    where outcome in ('in_flight', 'unknown')

),

events as (

    -- What is a counted run is said as in marts.runs_in_force, which holds more than is needed here.
    select
        runs.task_id,
        runs.created_at as due_at,
        runs.outcome,
        runs.found_by = 'window' as is_seen
    from core.runs as runs
    inner join incomplete_tasks
        on incomplete_tasks.task_id is not distinct from runs.task_id
    where coalesce(is_production, true)
        and not coalesce(is_test, false)
        and outcome in ('succeeded', 'failed', 'in_flight', 'unknown')
    union all
    select
        task_id,
        tick_at as due_at,
        'unknown' as outcome,
        false as is_seen
    from core.missing_runs
    where recovered_run_id is null

),

first_hours as (

    -- By the smallest window that holds the run; the wider ones hold it too. Hours are of UTC.
    select
        events.task_id,
        date_part('hour', make_timestamp(epoch_us(events.due_at))) as hour,
        case
            when events.due_at > core.as_of() - to_hours(24) then 1
            when events.due_at > core.as_of() - to_hours(24 * 7) then 7
            when events.due_at > core.as_of() - to_hours(24 * 30) then 30
            else 90
        end as first_window_days,
        count(*) filter (outcome in ('in_flight', 'unknown')) as unseen_count,
        count(*) filter (is_seen and outcome in ('succeeded', 'failed')) as seen_count,
        count(*) filter (is_seen and outcome = 'failed') as seen_failed_count,
        count(*) filter (not is_seen and outcome in ('succeeded', 'failed')) as recovered_count,
        count(*) filter (not is_seen and outcome = 'failed') as recovered_failed_count
    from events
    where events.due_at > core.as_of() - to_hours(24 * 90)
        and events.due_at <= core.as_of()
    group by all

),

hours as (

    select
        first_hours.task_id,
        windows.window_days,
        first_hours.hour,
        sum(unseen_count) as unseen_count,
        sum(seen_count) as seen_count,
        sum(seen_failed_count) as seen_failed_count,
        sum(recovered_count) as recovered_count,
        sum(recovered_failed_count) as recovered_failed_count
    from first_hours
    inner join windows
        on windows.window_days >= first_hours.first_window_days
    group by first_hours.task_id, windows.window_days, first_hours.hour

),

rated as (

    -- Without a run seen in that hour nothing is known of it: anything between none and all.
    select
        *,
        coalesce(seen_failed_count / nullif(seen_count, 0), 0.5) as ratio,
        coalesce(core.wilson_low(seen_failed_count, seen_count), 0) as ratio_low,
        coalesce(core.wilson_high(seen_failed_count, seen_count), 1) as ratio_high
    from hours
    where unseen_count > 0

),

expected as (

    -- Runs that were found later are rather those that had started, and so rather successes. What a window showed is not
    -- chosen so: it tells how many of a hole's runs failed, and those found are taken off.
    select
        *,
        core.left_to_fail(ratio, unseen_count, recovered_count, recovered_failed_count) as failed,
        core.left_to_fail(ratio_low, unseen_count, recovered_count, recovered_failed_count) as failed_low,
        core.left_to_fail(ratio_high, unseen_count, recovered_count, recovered_failed_count) as failed_high
    from rated

),

summed as (

    -- Errors of different hours fall out against each other, so their squares are added; ignorance is not an error.
    select
        task_id,
        window_days,
        sum(unseen_count)::bigint as unseen_count,
        coalesce(sum(unseen_count) filter (seen_count = 0), 0)::bigint as blind_count,
        coalesce(sum(failed) filter (seen_count > 0), 0) as failed,
        coalesce(sum(pow(failed - failed_low, 2)) filter (seen_count > 0), 0) as square_below,
        coalesce(sum(pow(failed_high - failed, 2)) filter (seen_count > 0), 0) as square_above
    from expected
    group by task_id, window_days

)

select
    summed.task_id,
    tasks.title,
    summed.window_days,
    summed.unseen_count,
    summed.blind_count,
    greatest(0, summed.failed - sqrt(summed.square_below)) as least_failed_count,
    least(summed.unseen_count, summed.failed + sqrt(summed.square_above) + summed.blind_count) as most_failed_count
from summed
left join core.tasks as tasks
    on tasks.task_id = summed.task_id
