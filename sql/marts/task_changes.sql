-- Did a change of model, prompt or schedule make a task better or worse?
-- Grain: one row per task and change. Key: task_id, changed_at. Those that surely worsened most come first.
-- Up to 90 days before and after, each side under one configuration; counted runs that succeeded or failed. A change is
-- known from the poll that first saw it, so a run or two around it may stand on the wrong side.
with versions as (

    select
        task_id,
        version_number,
        valid_from,
        model,
        schedule,
        lag(model) over task as previous_model,
        lag(schedule) over task as previous_schedule,
        version_number > 1 and (model is distinct from lag(model) over task) as is_model_changed,
        version_number > 1 and (prompt_hash is distinct from lag(prompt_hash) over task) as is_prompt_changed,
        version_number > 1 and (
            schedule is distinct from lag(schedule) over task
            -- A zone told for the first time is no change of it.
            or coalesce(timezone != lag(timezone) over task, false)
        ) as is_schedule_changed
    from core.task_versions
    window task as (partition by task_id order by version_number)

),

periods as (

    -- Versions that differ in anything else (title, owner, on or off) are one period.
    select
        *,
        is_model_changed or is_prompt_changed or is_schedule_changed as is_changed,
        count(*) filter (is_model_changed or is_prompt_changed or is_schedule_changed) over (
            partition by task_id order by version_number
        ) as period_number
    from versions

),

changes as (

    select
        periods.*,
        greatest(
            periods.valid_from - interval 2160 hours,
            coalesce(tasks.observed_from_at, tasks.first_seen_at),
            lag(periods.valid_from) over (partition by periods.task_id order by periods.version_number)
        ) as before_from_at,
        least(
            periods.valid_from + interval 2160 hours,
            core.as_of(),
            coalesce(tasks.deleted_at, core.as_of()),
            lead(periods.valid_from) over (partition by periods.task_id order by periods.version_number)
        ) as after_until_at
    from periods
    inner join core.tasks as tasks
        on tasks.task_id = periods.task_id
    where periods.is_changed

),

runs as (

    select
        facts.task_id,
        facts.created_at,
        facts.outcome,
        facts.total_cents,
        facts.duration_ms,
        periods.period_number
    from marts.runs_in_force as facts
    inner join periods
        on periods.task_id = facts.task_id
        and periods.version_number = facts.version_number
    where facts.is_counted
        and facts.outcome in ('succeeded', 'failed')

),

sides as (

    select
        changes.task_id,
        changes.version_number,
        runs.period_number = changes.period_number as is_after,
        count(*) as n,
        count(*) filter (runs.outcome = 'failed') as failed_count,
        count(runs.total_cents) as cost_n,
        sum(runs.total_cents) as total_cents,
        var_samp(runs.total_cents::double) as cost_variance,
        count(runs.duration_ms) as duration_n,
        avg(runs.duration_ms) as duration_mean_ms,
        var_samp(runs.duration_ms) as duration_variance
    from changes
    inner join runs
        on runs.task_id = changes.task_id
        and runs.period_number between changes.period_number - 1 and changes.period_number
        and runs.created_at >= changes.before_from_at
        and runs.created_at <= changes.after_until_at
    group by changes.task_id, changes.version_number, is_after

),

missing as (

    select
        changes.task_id,
        changes.version_number,
        count(*) filter (missing.tick_at < changes.valid_from) as runs_missing_before_count,
        count(*) as runs_missing_count
    from changes
    inner join marts.missing_run_facts as missing
        on missing.task_id = changes.task_id
        and missing.tick_at >= changes.before_from_at
        and missing.tick_at <= changes.after_until_at
    group by changes.task_id, changes.version_number

),

uncountable as (

    select distinct
        changes.task_id,
        changes.version_number
    from changes
    inner join core.coverage_gaps as gaps
        on gaps.task_id = changes.task_id
        and gaps.from_at < changes.after_until_at
        and gaps.to_at > changes.before_from_at
    where gaps.runs_missing_count is null

),

joined as (

    select
        changes.*,
        coalesce(before.n, 0) as before_n,
        coalesce(after.n, 0) as after_n,
        coalesce(before.failed_count, 0) as before_failed_count,
        coalesce(after.failed_count, 0) as after_failed_count,
        coalesce(before.cost_n, 0) as before_cost_n,
        coalesce(after.cost_n, 0) as after_cost_n,
        core.divide_cents(before.total_cents, before.cost_n) as before_mean_cents,
        core.divide_cents(after.total_cents, after.cost_n) as after_mean_cents,
        core.welch_margin(before.cost_variance, before.cost_n, after.cost_variance, after.cost_n) as cost_margin,
        coalesce(before.duration_n, 0) as before_duration_n,
        coalesce(after.duration_n, 0) as after_duration_n,
        before.duration_mean_ms as before_mean_ms,
        after.duration_mean_ms as after_mean_ms,
        core.welch_margin(
            before.duration_variance, before.duration_n, after.duration_variance, after.duration_n
        ) as duration_margin,
        coalesce(missing.runs_missing_before_count, 0) as runs_missing_before_count,
        coalesce(missing.runs_missing_count, 0) as runs_missing_count,
        uncountable.task_id is not null
        or (
            coverage.coverage_status = 'unknown'
            and changes.after_until_at > core.as_of() - interval 24 hours
        ) as is_unknown
    from changes
    left join sides as before
        on before.task_id = changes.task_id
        and before.version_number = changes.version_number
        and not before.is_after
    left join sides as after
        on after.task_id = changes.task_id
        and after.version_number = changes.version_number
        and after.is_after
    left join missing
        on missing.task_id = changes.task_id
        and missing.version_number = changes.version_number
    left join uncountable
        on uncountable.task_id = changes.task_id
        and uncountable.version_number = changes.version_number
    left join marts.window_coverage as coverage
        on coverage.task_id = changes.task_id
        and coverage.window_days = 1

),

compared as (

    select
        *,
        after_failed_count / nullif(after_n, 0) - before_failed_count / nullif(before_n, 0) as failure_difference,
        core.newcombe_low(
            before_failed_count, before_n, after_failed_count, after_n, 1.959963984540054
        ) as failure_difference_low,
        core.newcombe_high(
            before_failed_count, before_n, after_failed_count, after_n, 1.959963984540054
        ) as failure_difference_high,
        after_mean_cents - before_mean_cents as difference_cents,
        after_mean_cents - before_mean_cents - cost_margin::decimal(38, 20) as difference_low_cents,
        after_mean_cents - before_mean_cents + cost_margin::decimal(38, 20) as difference_high_cents,
        after_mean_ms - before_mean_ms as difference_ms,
        after_mean_ms - before_mean_ms - duration_margin as difference_low_ms,
        after_mean_ms - before_mean_ms + duration_margin as difference_high_ms
    from joined

)

select
    compared.task_id,
    compared.valid_from as changed_at,
    compared.version_number,
    tasks.title,
    tasks.account_id,
    tasks.artist_account_id,
    compared.is_model_changed,
    compared.is_prompt_changed,
    compared.is_schedule_changed,
    compared.previous_model,
    compared.model,
    compared.previous_schedule,
    compared.schedule,
    compared.before_from_at,
    compared.after_until_at,

    ---------- failures
    compared.before_n,
    compared.before_failed_count,
    compared.before_failed_count / nullif(compared.before_n, 0) as before_failure_ratio,
    core.wilson_low(compared.before_failed_count, compared.before_n) as before_failure_ratio_low,
    core.wilson_high(compared.before_failed_count, compared.before_n) as before_failure_ratio_high,
    compared.after_n,
    compared.after_failed_count,
    compared.after_failed_count / nullif(compared.after_n, 0) as after_failure_ratio,
    core.wilson_low(compared.after_failed_count, compared.after_n) as after_failure_ratio_low,
    core.wilson_high(compared.after_failed_count, compared.after_n) as after_failure_ratio_high,
    compared.failure_difference,
    compared.failure_difference_low,
    compared.failure_difference_high,
    core.change_verdict(
        compared.before_n, compared.after_n, compared.failure_difference_low, compared.failure_difference_high
    ) as failure_verdict,

    ---------- cost per run
    compared.before_cost_n,
    compared.before_mean_cents,
    compared.after_cost_n,
    compared.after_mean_cents,
    compared.difference_cents,
    compared.difference_low_cents,
    compared.difference_high_cents,
    core.change_verdict(
        compared.before_cost_n, compared.after_cost_n, compared.difference_low_cents, compared.difference_high_cents
    ) as cost_verdict,

    ---------- billed duration per run
    compared.before_duration_n,
    compared.before_mean_ms,
    compared.after_duration_n,
    compared.after_mean_ms,
    compared.difference_ms,
    compared.difference_low_ms,
    compared.difference_high_ms,
    core.change_verdict(
        compared.before_duration_n, compared.after_duration_n, compared.difference_low_ms, compared.difference_high_ms
    ) as duration_verdict,

    ---------- completeness
    compared.runs_missing_before_count,
    compared.runs_missing_count,
    core.coverage_status(compared.runs_missing_count, compared.is_unknown) as coverage_status
from compared
left join core.tasks as tasks
    on tasks.task_id = compared.task_id
order by compared.failure_difference_low desc nulls last, compared.valid_from desc, compared.task_id
