-- How completely is each day of each task known?
-- Grain: one row per task and local day, from its first known day to now (or to its deletion), days without runs too.
-- Built day by day: it reads the inputs of day_inputs and nothing else. Names of today are joined by coverage_daily.
-- Caveat: the current day is unknown until a poll has seen it end.
with context as (

    select * from core.build_context

),

inputs as (

    select
        day_inputs.*,
        (day_inputs.from_at at time zone context.reporting_timezone)::date as from_date,
        (day_inputs.until_at at time zone context.reporting_timezone)::date as until_date
    from marts.day_inputs as day_inputs
    cross join context
    where day_inputs.kind in ('known', 'observed', 'uncountable', 'open')

),

run_days as (

    select
        runs.task_id,
        runs.created_date as date,
        count(*) as observed_run_count
    from core.runs as runs
    where runs.task_id is not null
        and core.is_in_scope(runs.created_date)
    group by all

),

missing_days as (

    select
        missing.task_id,
        missing.tick_date as date,
        count(*) as runs_missing_count
    from core.missing_runs as missing
    where missing.recovered_run_id is null
        and core.is_in_scope(missing.tick_date)
    group by all

),

days as (

    select
        task_id,
        unnest(generate_series(
            greatest(from_date, core.scope_from()),
            least(until_date, core.scope_until() - 1),
            interval 1 day
        ))::date as date
    from inputs
    where kind = 'known'

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

    select distinct
        inputs.task_id,
        calendar.date
    from inputs
    inner join calendar
        on calendar.day_starts_at < inputs.until_at
        and calendar.day_ends_at > inputs.from_at
    where inputs.kind = 'uncountable'

),

open_days as (

    select distinct
        task_id,
        from_date as date
    from inputs
    where kind = 'open'

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
            calendar.day_starts_at >= observed.from_at
            and calendar.day_ends_at <= observed.until_at,
            false
        ) and uncountable_days.task_id is null
        and open_days.task_id is null as is_observed_whole
    from days
    inner join calendar
        on calendar.date = days.date
    left join inputs as observed
        on observed.kind = 'observed'
        and observed.task_id = days.task_id
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
    joined.observed_run_count,
    joined.runs_missing_count,
    joined.observed_run_count
    / nullif(joined.observed_run_count + joined.runs_missing_count, 0) as coverage_ratio,
    core.coverage_status(joined.runs_missing_count, not joined.is_observed_whole) as coverage_status,
    joined.is_observed_whole,
    joined.day_starts_at,
    joined.day_ends_at
from joined
