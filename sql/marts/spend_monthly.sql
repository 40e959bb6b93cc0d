-- What does each account and artist cost per month, and how much of it was for nothing?
-- Grain: one row per local month, account and artist in force when the runs started; months without runs too. Key: those
-- three. A task that moves leaves closed months as they were.
-- Trigger.dev compute and invocation of every run, test runs too; not the language model's bill.
with task_costs as (

    -- What runs whose cost nobody saw may have cost: as little, or as much, as any other run of their task.
    select
        task_id,
        min(total_cents) as least_cents,
        max(total_cents) as most_cents
    from core.runs
    where total_cents is not null
        and task_id in (
            select task_id
            from marts.task_month_facts
            where runs_missing_count + unpriced_run_count > 0
        )
    group by task_id

),

months as (

    select
        task_months.month,
        task_months.account_id,
        task_months.artist_account_id,
        max(tasks.artist_name) as artist_name,
        count(task_months.task_id) as task_count,
        sum(run_count)::bigint as run_count,
        core.sum_known_cents(compute_cents) as compute_cents,
        core.sum_known_cents(invocation_cents) as invocation_cents,
        core.sum_known_cents(total_cents) as total_cents,
        core.sum_known_cents(wasted_cents) as wasted_cents,
        sum(unpriced_run_count)::bigint as unpriced_run_count,
        sum(test_run_count)::bigint as test_run_count,
        sum(nonproduction_run_count)::bigint as nonproduction_run_count,
        bool_and(is_final) as is_final,
        sum(runs_missing_count)::bigint as runs_missing_count,
        core.coverage_status(sum(runs_missing_count), bool_or(coverage_status = 'unknown')) as coverage_status,
        sum((runs_missing_count + unpriced_run_count)::bigint * task_costs.least_cents) as unseen_cents_least,
        sum((runs_missing_count + unpriced_run_count)::bigint * task_costs.most_cents) as unseen_cents_most,
        bool_or(runs_missing_count + unpriced_run_count > 0 and task_costs.task_id is null) as has_unknown_costs
    from marts.task_month_facts as task_months
    left join task_costs
        on task_costs.task_id = task_months.task_id
    left join core.tasks as tasks
        on tasks.task_id = task_months.task_id
        and tasks.artist_account_id = task_months.artist_account_id
    group by task_months.month, task_months.account_id, task_months.artist_account_id

)

select
    months.month,
    months.account_id,
    accounts.account_name,
    months.artist_account_id,
    months.artist_name,
    task_count,
    run_count,
    compute_cents,
    invocation_cents,
    total_cents,
    core.usd(total_cents) as total_usd,
    case
        when coverage_status != 'unknown' and not has_unknown_costs
            then (coalesce(total_cents, 0) + coalesce(unseen_cents_least, 0))::decimal(38, 20)
    end as total_cents_least,
    case
        when coverage_status != 'unknown' and not has_unknown_costs
            then (coalesce(total_cents, 0) + coalesce(unseen_cents_most, 0))::decimal(38, 20)
    end as total_cents_most,
    wasted_cents,
    core.usd(wasted_cents) as wasted_usd,
    wasted_cents / nullif(total_cents, 0) as wasted_ratio,
    is_final,
    test_run_count,
    nonproduction_run_count,
    unpriced_run_count,
    runs_missing_count,
    run_count / nullif(run_count + runs_missing_count, 0) as coverage_ratio,
    coverage_status
from months
left join core.accounts as accounts
    on accounts.account_id = months.account_id
order by months.month desc, total_cents desc nulls last, months.account_id, months.artist_account_id
