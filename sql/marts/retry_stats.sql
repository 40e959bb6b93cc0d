-- How often does a run need a second attempt, and does that rescue it?
-- Grain: one row per task and window of 1, 7, 30 and 90 days that had a run. Key: task_id, window_days. Worst first.
-- Counted runs that succeeded or failed and whose attempts were observed; null where none was. Failed runs' details are
-- fetched before others', so while few are observed the picture is darker than the truth: see attempts_observed_ratio.
with windows as (

    select
        unnest([1, 7, 30, 90]) as window_days

),

runs as (

    select
        facts.run_id,
        facts.task_id,
        facts.created_at,
        facts.outcome,
        facts.attempt_count
    from marts.run_facts as facts
    where facts.is_counted
        and facts.outcome in ('succeeded', 'failed')
        and facts.created_at > core.as_of() - to_hours(24 * 90)
        and facts.created_at <= core.as_of()

),

counts as (

    select
        windows.window_days,
        runs.task_id,
        count(*) as n,
        count(runs.attempt_count) as observed_count,
        sum(runs.attempt_count)::bigint as attempt_count,
        max(runs.attempt_count)::bigint as most_attempt_count,
        count(*) filter (runs.attempt_count > 1) as retried_count,
        count(*) filter (runs.outcome = 'succeeded' and runs.attempt_count = 1) as first_attempt_success_count,
        count(*) filter (runs.outcome = 'succeeded' and runs.attempt_count > 1) as recovered_by_retry_count
    from runs
    inner join windows
        on runs.created_at > core.as_of() - to_hours(24 * windows.window_days)
    group by windows.window_days, runs.task_id

),

rated as (

    select
        *,
        first_attempt_success_count / nullif(observed_count, 0) as first_attempt_success_ratio,
        core.wilson_low(first_attempt_success_count, observed_count) as first_attempt_success_ratio_low,
        core.wilson_high(first_attempt_success_count, observed_count) as first_attempt_success_ratio_high
    from counts

)

select
    rated.window_days,
    rated.task_id,
    tasks.title,
    tasks.account_id,
    tasks.artist_account_id,
    rated.n,
    rated.observed_count,
    rated.observed_count / nullif(rated.n, 0) as attempts_observed_ratio,
    rated.attempt_count,
    rated.attempt_count / nullif(rated.observed_count, 0) as attempts_per_run,
    rated.most_attempt_count,

    ---------- null where no attempts were observed
    case when rated.observed_count > 0 then rated.first_attempt_success_count end as first_attempt_success_count,
    rated.first_attempt_success_ratio,
    rated.first_attempt_success_ratio_low,
    rated.first_attempt_success_ratio_high,
    case when rated.observed_count > 0 then rated.retried_count end as retried_count,
    case when rated.observed_count > 0 then rated.recovered_by_retry_count end as recovered_by_retry_count,
    rated.recovered_by_retry_count / nullif(rated.retried_count, 0) as recovered_by_retry_ratio,
    core.wilson_low(rated.recovered_by_retry_count, rated.retried_count) as recovered_by_retry_ratio_low,
    core.wilson_high(rated.recovered_by_retry_count, rated.retried_count) as recovered_by_retry_ratio_high,

    ---------- completeness
    coalesce(coverage.runs_missing_count, 0) as runs_missing_count,
    coverage.coverage_ratio,
    coalesce(coverage.coverage_status, 'unknown') as coverage_status
from rated
left join marts.window_coverage as coverage
    on coverage.task_id = rated.task_id
    and coverage.window_days = rated.window_days
left join core.tasks as tasks
    on tasks.task_id = rated.task_id
order by rated.window_days, rated.first_attempt_success_ratio_high asc nulls last, rated.task_id
