-- What was spent on each language model, or by each account, most first?
-- Parameters: $by, model or account_id; $days. Read by pipelines/report/queries.py.
with days as (
    select
        *,
        case $by
            when 'model' then model
            else account_id
        end as name
    from marts.spend_daily
    where date > (select max(date) from marts.fleet_daily) - $days::integer
)

select
    days.name,
    any_value(accounts.account_name) as account_name,
    sum(run_count)::bigint as run_count,
    core.sum_known_cents(total_cents) as total_cents,
    core.sum_known_cents(wasted_cents) as wasted_cents,
    core.sum_known_cents(wasted_cents) / nullif(core.sum_known_cents(total_cents), 0) as wasted_ratio,
    sum(unpriced_run_count)::bigint as unpriced_run_count
from days
left join core.accounts as accounts
    on accounts.account_id = days.name
where run_count > 0
group by days.name
order by total_cents desc nulls last, days.name nulls last
