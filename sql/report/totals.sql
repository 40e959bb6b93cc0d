-- How did the fleet do over all of the last days? One row. Parameter: $days. Read by pipelines/report/queries.py.
with days as (
    select *
    from marts.fleet_daily
    qualify row_number() over (order by date desc) <= $days
)

select
    count(*) as day_count,
    coalesce(sum(n), 0)::bigint as n,
    coalesce(sum(failed_count), 0)::bigint as failed_count,
    sum(failed_count) / nullif(sum(n), 0) as failure_ratio,
    core.wilson_low(sum(failed_count)::bigint, sum(n)::bigint) as failure_ratio_low,
    core.wilson_high(sum(failed_count)::bigint, sum(n)::bigint) as failure_ratio_high,
    core.sum_known_cents(total_cents) as total_cents,
    core.sum_known_cents(wasted_cents) as wasted_cents,
    core.sum_known_cents(wasted_cents) / nullif(core.sum_known_cents(total_cents), 0) as wasted_ratio,
    coalesce(sum(run_count), 0)::bigint as run_count,
    coalesce(sum(unpriced_run_count), 0)::bigint as unpriced_run_count,
    coalesce(sum(runs_missing_count), 0)::bigint as runs_missing_count,
    coalesce(bool_and(is_final), true) as is_final
from days
