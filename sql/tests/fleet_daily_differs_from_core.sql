-- severity: error
-- asset: marts.fleet_daily
-- A failing row is a day whose runs, outcomes or cents are not exactly those of core.runs, or that is not there.
with counted as (

    select
        (runs.created_at at time zone context.reporting_timezone)::date as date,
        count(*) as run_count,
        count(*) filter (
            outcome = 'failed'
            and not coalesce(is_test, false)
            and coalesce(is_production, true)
        ) as failed_count,
        coalesce(sum(total_cents), 0) as total_cents,
        coalesce(sum(total_cents) filter (outcome = 'failed'), 0) as wasted_cents
    from core.runs as runs
    cross join core.build_context as context
    where core.is_checked(runs.created_date)
    group by date

)

select coalesce(fleet.date, counted.date) as date
from (from marts.fleet_daily where core.is_checked(date)) as fleet
full join counted
    on counted.date = fleet.date
where fleet.date is null
    or fleet.run_count != coalesce(counted.run_count, 0)
    or fleet.failed_count != coalesce(counted.failed_count, 0)
    or coalesce(fleet.total_cents, 0) != coalesce(counted.total_cents, 0)
    or coalesce(fleet.wasted_cents, 0) != coalesce(counted.wasted_cents, 0)
