-- How completely is each day of each task known?
-- Grain: one row per task and local day, from its first known day to now (or to its deletion), days without runs too.
-- Caveat: the current day is unknown until a poll has seen it end.
with context as (

    select * from core.build_context

),

tasks as (

    -- Runs come in order and may come late: what was due after the newest one seen may still come for a while.
    select
        *,
        greatest(window_newest_run_at, observed_until_at - core.lateness_allowance()) as settled_until_at
    from core.tasks

),

run_days as (

    select
        runs.task_id,
        runs.created_date as date,
        count(*) as observed_run_count
    from core.runs as runs
    where runs.task_id is not null
    group by all

),

missing_days as (

    select
        task_id,
        date,
        count(*) as runs_missing_count
    from marts.missing_run_facts
    group by all

),

day_ranges as (

    select task_id, min(date) as first_date, max(date) as last_date from run_days group by task_id
    union all
    select task_id, min(date), max(date) from missing_days group by task_id
    union all
    select
        tasks.task_id,
        (coalesce(tasks.observed_from_at, tasks.first_seen_at) at time zone context.reporting_timezone)::date,
        (coalesce(tasks.deleted_at, context.as_of_at) at time zone context.reporting_timezone)::date
    from tasks
    cross join context

),

days as (

    select
        task_id,
        unnest(generate_series(min(first_date), max(last_date), interval 1 day))::date as date
    from day_ranges
    group by task_id

),

calendar as (

    -- Once a date, not once a row: there are far more tasks than dates, and a time zone's rules are slow to ask.
    select
        dates.date,
        dates.date::timestamp at time zone context.reporting_timezone as day_starts_at,
        (dates.date + 1)::timestamp at time zone context.reporting_timezone as day_ends_at
    from (select distinct date from days) as dates
    cross join context

),

uncountable_days as (

    -- Holes of a schedule that cannot be read: nobody knows how many runs they hold.
    select distinct
        gaps.task_id,
        calendar.date
    from core.coverage_gaps as gaps
    inner join calendar
        on calendar.day_starts_at < gaps.to_at
        and calendar.day_ends_at > gaps.from_at
    where gaps.runs_missing_count is null

),

open_days as (

    select distinct
        ticks.task_id,
        (ticks.tick_at at time zone context.reporting_timezone)::date as date
    from core.expected_ticks as ticks
    inner join tasks
        on tasks.task_id = ticks.task_id
        and ticks.tick_at > tasks.settled_until_at
        and ticks.tick_at <= tasks.observed_until_at
    cross join context
    where not ticks.is_future

),

joined as (

    select
        days.task_id,
        days.date,
        calendar.day_starts_at,
        calendar.day_ends_at,
        coalesce(run_days.observed_run_count, 0) as observed_run_count,
        coalesce(missing_days.runs_missing_count, 0) as runs_missing_count,
        coalesce(
            calendar.day_starts_at >= tasks.observed_from_at
            and calendar.day_ends_at <= tasks.observed_until_at,
            false
        ) and uncountable_days.task_id is null
        and open_days.task_id is null as is_observed_whole
    from days
    inner join calendar
        on calendar.date = days.date
    left join tasks
        on tasks.task_id = days.task_id
    left join run_days
        on run_days.task_id = days.task_id
        and run_days.date = days.date
    left join missing_days
        on missing_days.task_id = days.task_id
        and missing_days.date = days.date
    left join uncountable_days
        on uncountable_days.task_id = days.task_id
        and uncountable_days.date = days.date
    left join open_days
        on open_days.task_id = days.task_id
        and open_days.date = days.date

)

select
    joined.date,
    joined.task_id,
    tasks.title,
    joined.observed_run_count,
    joined.runs_missing_count,
    joined.observed_run_count
    / nullif(joined.observed_run_count + joined.runs_missing_count, 0) as coverage_ratio,
    core.coverage_status(joined.runs_missing_count, not joined.is_observed_whole) as coverage_status,
    joined.is_observed_whole,
    joined.day_starts_at,
    joined.day_ends_at
from joined
left join core.tasks as tasks
    on tasks.task_id = joined.task_id
