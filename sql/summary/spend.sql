-- What did all runs cost, and how much of it was wasted?
-- Read by pipelines/console/summary.py.
select
    sum(total_cents) as total_cents,
    sum(wasted_cents) as wasted_cents,
    sum(wasted_cents) / nullif(sum(total_cents), 0) as wasted_ratio,
    coalesce(sum(unpriced_run_count), 0)::bigint as unpriced_run_count,
    bool_and(is_final) as is_final
from marts.spend_daily
