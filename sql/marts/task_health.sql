-- How is each task doing now?
-- Grain: one row per task, deleted ones too (deleted_at says so). Key: task_id.
-- Outcomes leave out test runs and other environments; money counts every run. Windows are 24-hour days up to now.
with runs_so_far as not materialized (

    -- What is a counted run is said as in marts.runs_in_force, which holds more than is needed here.
    select
        run_id,
        task_id,
        created_at,
        outcome,
        total_cents,
        coalesce(is_production, true) and not coalesce(is_test, false) as is_counted,
        created_at > core.as_of() - interval 168 hours as is_in_7d,
        created_at > core.as_of() - interval 720 hours as is_in_30d
    from core.runs
    where created_at <= core.as_of()

),

recent_runs as (

    select *
    from runs_so_far
    where created_at > core.as_of() - interval 2160 hours

),

told_tasks as (

    -- Their last success and their newest outcomes are recent: nothing older can change what is said of their state.
    select task_id
    from recent_runs
    where is_counted
    group by task_id
    having count(*) filter (outcome = 'succeeded') > 0
        and count(*) filter (outcome in ('succeeded', 'failed')) >= 7

),

runs as (

    select * from recent_runs
    union all by name
    select runs_so_far.*
    from runs_so_far
    anti join told_tasks
        on told_tasks.task_id = runs_so_far.task_id
    where runs_so_far.created_at <= core.as_of() - interval 2160 hours

),

totals as (

    select
        task_id,
        count(*) as run_count
    from runs_so_far
    group by task_id

),

shown as (

    -- What the API still shows is not rescued, as marts.runs_in_force says run by run.
    select
        windows.task_id,
        count(*) as run_count
    from (
        select
            task_id,
            unnest(list_distinct(window_run_ids)) as run_id
        from core.tasks
        where deleted_at is null
    ) as windows
    inner join runs_so_far
        on runs_so_far.run_id = windows.run_id
        and runs_so_far.task_id = windows.task_id
    group by windows.task_id

),

windows as (

    select
        task_id,
        count(*) filter (is_in_7d and is_counted and outcome = 'succeeded') as succeeded_count_7d,
        count(*) filter (is_in_7d and is_counted and outcome = 'failed') as failed_count_7d,
        count(*) filter (is_in_30d and is_counted and outcome = 'succeeded') as succeeded_count_30d,
        count(*) filter (is_in_30d and is_counted and outcome = 'failed') as failed_count_30d,
        count(*) filter (is_in_7d) as run_count_7d,
        count(*) filter (is_in_30d) as run_count_30d,
        count(*) filter (is_in_7d and outcome = 'failed') as wasted_run_count_7d,
        count(*) filter (is_in_30d and outcome = 'failed') as wasted_run_count_30d,
        sum(total_cents) filter (is_in_7d) as total_cents_7d,
        sum(total_cents) filter (is_in_30d) as total_cents_30d,
        sum(total_cents) filter (is_in_7d and outcome = 'failed') as wasted_cents_7d,
        sum(total_cents) filter (is_in_30d and outcome = 'failed') as wasted_cents_30d
    from runs
    group by task_id

),

latest as (

    select
        task_id,
        arg_max(run_id, (created_at, run_id)) as last_run_id,
        arg_max(outcome, (created_at, run_id)) as last_outcome,
        max(created_at) as last_run_at,
        max((created_at, run_id)) filter (outcome = 'succeeded') as last_success,
        max(created_at) filter (outcome = 'succeeded') as last_success_at
    from runs
    where is_counted
    group by task_id

),

streaks as (

    -- Failures since the last success; cancelled, expired and unfinished runs neither add to a streak nor end it.
    select
        runs.task_id,
        count(*) as failure_streak_count,
        min(runs.created_at) as failing_since_at
    from runs
    inner join latest
        on latest.task_id = runs.task_id
    where runs.is_counted
        and runs.outcome = 'failed'
        and coalesce((runs.created_at, runs.run_id) > latest.last_success, true)
    group by runs.task_id

),

newest as (

    select
        task_id,
        outcome,
        created_at,
        row_number() over (partition by task_id order by created_at desc, run_id desc) as age_rank
    from runs
    where is_counted
        and outcome in ('succeeded', 'failed')
    qualify age_rank <= 7

),

recent as (

    select
        task_id,
        count(*) as recent_n,
        count(*) filter (outcome = 'failed') as recent_failed_count,
        count(*) filter (outcome = 'failed' and age_rank <= 3) as newest_failed_count,
        min(created_at) filter (outcome = 'failed') as first_failed_at
    from newest
    group by task_id

),

counted as (

    select
        tasks.*,
        coalesce(windows.succeeded_count_7d, 0) + coalesce(windows.failed_count_7d, 0) as n_7d,
        coalesce(windows.failed_count_7d, 0) as failed_count_7d,
        coalesce(windows.succeeded_count_30d, 0) + coalesce(windows.failed_count_30d, 0) as n_30d,
        coalesce(windows.failed_count_30d, 0) as failed_count_30d,
        case when windows.run_count_7d > 0 then windows.total_cents_7d else 0 end as total_cents_7d,
        case when windows.wasted_run_count_7d > 0 then windows.wasted_cents_7d else 0 end as wasted_cents_7d,
        case when windows.run_count_30d > 0 then windows.total_cents_30d else 0 end as total_cents_30d,
        case when windows.wasted_run_count_30d > 0 then windows.wasted_cents_30d else 0 end as wasted_cents_30d,
        coalesce(totals.run_count, 0) as run_count,
        coalesce(totals.run_count, 0) - coalesce(shown.run_count, 0) as rescued_run_count
    from core.tasks as tasks
    left join windows
        on windows.task_id = tasks.task_id
    left join totals
        on totals.task_id = tasks.task_id
    left join shown
        on shown.task_id = tasks.task_id

)

select
    counted.task_id,
    counted.title,
    counted.account_id,
    accounts.account_name,
    counted.artist_account_id,
    counted.artist_name,
    counted.model,
    counted.schedule,
    counted.timezone,
    counted.is_enabled and counted.deleted_at is null as is_enabled,
    counted.deleted_at,

    ---------- state
    core.task_state(
        counted.deleted_at is not null,
        counted.is_enabled,
        counted.last_verdict = 'known' and counted.observed_until_at > core.as_of() - core.stale_after(),
        ticks.is_overdue,
        recent.recent_n,
        recent.recent_failed_count,
        recent.newest_failed_count,
        streaks.failure_streak_count
    ) as state,
    coalesce(streaks.failing_since_at, case when recent.newest_failed_count > 0 then recent.first_failed_at end)
        as failing_since_at,

    ---------- outcomes
    latest.last_run_id,
    latest.last_run_at,
    latest.last_outcome,
    coalesce(streaks.failure_streak_count, 0) as failure_streak_count,
    latest.last_success_at,
    counted.n_7d,
    counted.failed_count_7d,
    counted.failed_count_7d / nullif(counted.n_7d, 0) as failure_ratio_7d,
    core.wilson_low(counted.failed_count_7d, counted.n_7d) as failure_ratio_low_7d,
    core.wilson_high(counted.failed_count_7d, counted.n_7d) as failure_ratio_high_7d,
    counted.n_30d,
    counted.failed_count_30d,
    counted.failed_count_30d / nullif(counted.n_30d, 0) as failure_ratio_30d,
    core.wilson_low(counted.failed_count_30d, counted.n_30d) as failure_ratio_low_30d,
    core.wilson_high(counted.failed_count_30d, counted.n_30d) as failure_ratio_high_30d,

    ---------- money
    counted.total_cents_7d,
    core.usd(counted.total_cents_7d) as total_usd_7d,
    counted.wasted_cents_7d,
    core.usd(counted.wasted_cents_7d) as wasted_usd_7d,
    counted.total_cents_30d,
    core.usd(counted.total_cents_30d) as total_usd_30d,
    counted.wasted_cents_30d,
    core.usd(counted.wasted_cents_30d) as wasted_usd_30d,

    ---------- schedule
    ticks.next_tick_at,
    ticks.is_overdue,
    ticks.overdue_since_at,
    ticks.missed_tick_count,

    ---------- completeness
    coverage.runs_missing_count_7d,
    coverage.coverage_ratio_7d,
    coverage.coverage_status_7d,
    coverage.runs_missing_count_30d,
    coverage.coverage_ratio_30d,
    coverage.coverage_status_30d,
    coverage.runs_missing_count,
    coverage.coverage_ratio,
    coverage.coverage_status,
    counted.run_count,
    counted.rescued_run_count,
    counted.first_seen_at,
    counted.observed_until_at
from counted
left join recent
    on recent.task_id = counted.task_id
left join latest
    on latest.task_id = counted.task_id
left join streaks
    on streaks.task_id = counted.task_id
left join marts.task_ticks as ticks
    on ticks.task_id = counted.task_id
left join marts.task_coverage as coverage
    on coverage.task_id = counted.task_id
left join core.accounts as accounts
    on accounts.account_id = counted.account_id
