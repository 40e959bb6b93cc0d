-- severity: error
-- asset: marts.spend_monthly
-- A failing row is a month, account and artist whose runs or cents are not exactly those that core.runs had under them.
with versions as (

    select
        task_id,
        case
            when version_number = 1 then '-infinity'::timestamptz
            else valid_from
        end as in_force_from,
        account_id,
        artist_account_id
    from core.task_versions

),

counted as (

    select
        date_trunc('month', runs.created_at at time zone context.reporting_timezone)::date as month,
        versions.account_id,
        versions.artist_account_id,
        count(*) as run_count,
        coalesce(sum(total_cents), 0) as total_cents,
        coalesce(sum(total_cents) filter (outcome = 'failed'), 0) as wasted_cents
    from core.runs as runs
    asof left join versions
        on versions.task_id = runs.task_id
        and versions.in_force_from <= coalesce(runs.started_at, runs.created_at)
    cross join core.build_context as context
    where core.is_month_checked(date_trunc('month', runs.created_date)::date)
    group by month, versions.account_id, versions.artist_account_id

),

shown as (

    select
        month,
        account_id,
        artist_account_id,
        run_count,
        coalesce(total_cents, 0) as total_cents,
        coalesce(wasted_cents, 0) as wasted_cents
    from marts.spend_monthly
    where core.is_month_checked(month)

)

select
    coalesce(shown.month, counted.month) as month_date,
    coalesce(shown.account_id, counted.account_id) as account_id
from shown
full join counted
    on counted.month = shown.month
    and counted.account_id is not distinct from shown.account_id
    and counted.artist_account_id is not distinct from shown.artist_account_id
where shown.month is null
    or shown.run_count != coalesce(counted.run_count, 0)
    or shown.total_cents != coalesce(counted.total_cents, 0)
    or shown.wasted_cents != coalesce(counted.wasted_cents, 0)
