-- What do the runs cost, and how much of it was for nothing?
-- Grain: one row per local day, task and what was in force: model, account, artist (the key); days without runs too.
-- Trigger.dev compute and invocation of every run, test runs too; not the language model's bill.
select
    date,
    task_id,
    title,
    account_id,
    artist_account_id,
    model,
    run_count,
    compute_cents,
    invocation_cents,
    total_cents,
    core.usd(total_cents) as total_usd,
    wasted_cents,
    core.usd(wasted_cents) as wasted_usd,
    is_final,
    runs_missing_count,
    coverage_status,
    coverage_ratio,
    test_run_count,
    unpriced_run_count
from marts.task_days
