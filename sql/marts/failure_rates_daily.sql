-- What fails, and how often?
-- Grain: one row per local day, task and what was in force: model, account, artist (the key); days without runs too.
-- Failed / (succeeded + failed); test runs and other environments are left out and counted beside it.
select
    date,
    task_id,
    title,
    account_id,
    artist_account_id,
    model,
    succeeded_count,
    failed_count,
    cancelled_count,
    expired_count,
    in_flight_count,
    unknown_count,
    failed_count / nullif(succeeded_count + failed_count, 0) as failure_ratio,
    core.wilson_low(failed_count, succeeded_count + failed_count) as failure_ratio_low,
    core.wilson_high(failed_count, succeeded_count + failed_count) as failure_ratio_high,
    runs_missing_count,
    coverage_ratio,
    coverage_status,
    succeeded_count + failed_count as n,
    test_run_count,
    nonproduction_run_count,
    recovered_run_count,
    is_final,
    core.least_ratio(
        failed_count,
        succeeded_count + failed_count,
        core.unseen_count(coverage_status, runs_missing_count, in_flight_count, unknown_count)
    ) as failure_ratio_least,
    core.most_ratio(
        failed_count,
        succeeded_count + failed_count,
        core.unseen_count(coverage_status, runs_missing_count, in_flight_count, unknown_count)
    ) as failure_ratio_most
from marts.task_days
