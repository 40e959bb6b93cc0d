-- On which local days did which kinds of input change? Days before and after all that is known, now and at the last build,
-- are left out: a first version has no beginning and the one in force no end. Runs of no known task count as known.
-- Read by pipelines/transform/build_days.py, after changed_inputs.
with context as (

    select * from core.build_context

),

known as (

    select
        min(from_at) as from_at,
        max(until_at) as until_at
    from (from inputs_before union all by name from marts.day_inputs) as inputs
    where kind = 'fleet'

),

spans as (

    select distinct
        changed.kind,
        (greatest(changed.from_at, known.from_at) at time zone context.reporting_timezone)::date as from_date,
        (least(changed.until_at, known.until_at) at time zone context.reporting_timezone)::date as until_date
    from changed_inputs as changed
    cross join known
    cross join context

),

days as (

    select
        kind,
        unnest(generate_series(from_date, until_date, interval 1 day))::date as date
    from spans

)

select
    date,
    list(distinct kind order by kind) as kinds
from days
group by date
order by date
