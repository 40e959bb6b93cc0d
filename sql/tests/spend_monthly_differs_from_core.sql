-- severity: error
-- asset: marts.spend_monthly
-- A failing row is a month whose runs or cents over all accounts are not exactly those of core.runs.
with counted as (

    select
        date_trunc('month', runs.created_at at time zone context.reporting_timezone)::date as month,
        count(*) as run_count,
        coalesce(sum(total_cents), 0) as total_cents,
        coalesce(sum(total_cents) filter (outcome = 'failed'), 0) as wasted_cents
    from core.runs as runs
    cross join core.build_context as context
    group by month

),

shown as (

    select
        month,
        sum(run_count) as run_count,
        coalesce(sum(total_cents), 0) as total_cents,
        coalesce(sum(wasted_cents), 0) as wasted_cents
    from marts.spend_monthly
    group by month

)

select coalesce(shown.month, counted.month) as month_date
from shown
full join counted
    on counted.month = shown.month
where shown.month is null
    or shown.run_count != coalesce(counted.run_count, 0)
    or shown.total_cents != coalesce(counted.total_cents, 0)
    or shown.wasted_cents != coalesce(counted.wasted_cents, 0)
