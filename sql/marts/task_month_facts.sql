-- What each task cost in each month. spend_monthly sums it up by account and artist.
-- Grain: one row per local month, task and what was in force: account, artist (the key); months without runs too.
-- Built month by month, where a day of it was built again. Money counts every run, test runs too.
select
    date_trunc('month', date)::date as month,
    task_id,
    account_id,
    artist_account_id,
    sum(run_count)::bigint as run_count,
    core.sum_known_cents(compute_cents) as compute_cents,
    core.sum_known_cents(invocation_cents) as invocation_cents,
    core.sum_known_cents(total_cents) as total_cents,
    core.sum_known_cents(wasted_cents) as wasted_cents,
    sum(unpriced_run_count)::bigint as unpriced_run_count,
    sum(test_run_count)::bigint as test_run_count,
    sum(nonproduction_run_count)::bigint as nonproduction_run_count,
    bool_and(is_final) as is_final,

    ---------- completeness
    sum(runs_missing_count)::bigint as runs_missing_count,
    sum(run_count) / nullif(sum(run_count) + sum(runs_missing_count), 0) as coverage_ratio,
    core.coverage_status(sum(runs_missing_count), bool_or(coverage_status = 'unknown')) as coverage_status
from marts.task_day_facts
where core.is_in_scope(date)
group by month, task_id, account_id, artist_account_id
