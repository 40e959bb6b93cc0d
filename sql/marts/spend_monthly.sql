-- What does each account and artist cost per month, and how much of it was for nothing?
-- Grain: one row per local month, account and artist (as of today); months without runs too. Key: those three.
-- Trigger.dev compute and invocation of every run, test runs too; not the language model's bill.
with days as (

    select
        date_trunc('month', date)::date as month,
        *
    from marts.task_days

),

observed as (

    -- task_days may hold a day twice, once per model; coverage_daily holds it once.
    select
        date_trunc('month', coverage.date)::date as month,
        tasks.account_id,
        tasks.artist_account_id,
        sum(coverage.observed_run_count) as observed_run_count
    from marts.coverage_daily as coverage
    inner join core.tasks as tasks
        on tasks.task_id = coverage.task_id
    group by all

),

months as (

    select
        month,
        account_id,
        artist_account_id,
        max(artist_name) as artist_name,
        count(distinct task_id) as task_count,
        sum(run_count)::bigint as run_count,
        core.told_sum(compute_cents) as compute_cents,
        core.told_sum(invocation_cents) as invocation_cents,
        core.told_sum(total_cents) as total_cents,
        core.told_sum(wasted_cents) as wasted_cents,
        sum(unpriced_run_count)::bigint as unpriced_run_count,
        sum(test_run_count)::bigint as test_run_count,
        sum(nonproduction_run_count)::bigint as nonproduction_run_count,
        bool_and(is_final) as is_final,
        sum(runs_missing_count)::bigint as runs_missing_count,
        core.coverage_status(sum(runs_missing_count), bool_or(coverage_status = 'unknown')) as coverage_status
    from days
    group by month, account_id, artist_account_id

)

select
    months.month,
    months.account_id,
    months.artist_account_id,
    months.artist_name,
    months.task_count,
    months.run_count,
    months.compute_cents,
    months.invocation_cents,
    months.total_cents,
    months.total_cents * 0.01 as total_usd,
    months.wasted_cents,
    months.wasted_cents * 0.01 as wasted_usd,
    months.wasted_cents / nullif(months.total_cents, 0) as wasted_ratio,
    months.is_final,
    months.test_run_count,
    months.nonproduction_run_count,
    months.unpriced_run_count,
    months.runs_missing_count,
    observed.observed_run_count / nullif(observed.observed_run_count + months.runs_missing_count, 0) as coverage_ratio,
    months.coverage_status
from months
left join observed
    on observed.month = months.month
    and observed.account_id is not distinct from months.account_id
    and observed.artist_account_id is not distinct from months.artist_account_id
order by months.month desc, months.total_cents desc nulls last, months.account_id, months.artist_account_id
