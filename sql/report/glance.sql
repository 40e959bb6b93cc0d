-- What must be known in five seconds, and how was it a week ago? One row. Weeks have 168 hours and end at the build's now.
-- Read by pipelines/report/queries.py.
with context as (
    select
        as_of_at,
        as_of_at - interval 168 hours as week_at,
        as_of_at - interval 336 hours as before_at
    from core.build_context
),

observed as (
    select min(coalesce(observed_from_at, first_seen_at)) as from_at
    from core.tasks
),

newest_before as (
    -- The newest seven ended runs of each task that was on a week ago, as task_health takes them today.
    select
        facts.task_id,
        facts.outcome,
        row_number() over (partition by facts.task_id order by facts.created_at desc, facts.run_id desc) as age_rank
    from marts.runs_in_force as facts
    cross join context
    inner join core.task_versions as versions
        on versions.task_id = facts.task_id
        and versions.is_enabled
        and versions.valid_from <= context.week_at
        and coalesce(versions.valid_to > context.week_at, true)
    where facts.is_counted
        and facts.outcome in ('succeeded', 'failed')
        and facts.created_at <= context.week_at
    qualify age_rank <= 7
),

states_before as (
    select
        core.task_state(
            false,
            true,
            true,
            false,
            count(*),
            count(*) filter (outcome = 'failed'),
            count(*) filter (outcome = 'failed' and age_rank <= 3),
            coalesce(min(age_rank) filter (outcome = 'succeeded') - 1, count(*))
        ) as state
    from newest_before
    group by task_id
),

failing_before as (
    select count(*) as task_count
    from states_before
    where state = 'failing'
),

ticks as (
    select
        count(*) filter (tick_at > context.week_at and status = 'missed') as missed_count,
        count(*) filter (tick_at <= context.week_at and status = 'missed') as missed_before_count,
        count(*) filter (tick_at > context.week_at and status != 'unobservable') as judged_count,
        count(*) filter (tick_at > context.week_at) as due_count
    from marts.schedule_adherence
    cross join context
    where tick_at > context.before_at
),

errors as (
    -- Of a run whose details were not fetched only the status is known, which is no error that could be new.
    select
        count(*) filter (is_error_observed and is_new_this_week) as new_count,
        count(*) filter (is_error_observed and first_seen_at > context.before_at and first_seen_at <= context.week_at)
            as new_before_count,
        coalesce(bool_or(is_new_this_week is null), false) as is_too_young
    from marts.error_groups
    cross join context
),

incidents as (
    select
        count(*) filter (closed_at is null) as open_count,
        count(*) filter (opened_at <= context.week_at and coalesce(closed_at > context.week_at, true))
            as open_before_count
    from core.incidents
    cross join context
),

runs as (
    select
        count(*) filter (created_at > context.week_at) as run_count,
        count(*) filter (created_at <= context.week_at) as run_before_count,
        sum(total_cents) filter (created_at > context.week_at) as total_cents,
        sum(total_cents) filter (created_at <= context.week_at) as total_before_cents,
        count(*) filter (total_cents is null and created_at > context.week_at) as unpriced_count,
        count(*) filter (total_cents is null and created_at <= context.week_at) as unpriced_before_count
    from marts.runs_in_force
    cross join context
    where created_at > context.before_at
        and created_at <= context.as_of_at
),

missing as (
    select
        count(*) filter (tick_at > context.week_at) as runs_missing_count,
        count(*) filter (tick_at <= context.week_at) as runs_missing_before_count
    from marts.missing_run_facts
    cross join context
    where tick_at > context.before_at
),

known as (
    select count(*) filter (coverage_status = 'unknown') as unknown_task_count
    from marts.window_coverage
    where window_days = 7
),

budgets as (
    select
        any_value(month) as month,
        sum(total_usd) as month_usd,
        coalesce(sum(unpriced_run_count), 0)::bigint as month_unpriced_count,
        case when count(*) = count(forecast_usd) then sum(forecast_usd) end as forecast_usd,
        sum(budget_usd) as budget_usd,
        count(*) filter (budget_usd is null and run_count > 0) as without_budget_count,
        count(*) filter (budget_state = 'over') as over_count,
        count(*) filter (budget_state = 'will_be_over') as will_be_over_count
    from marts.budget_status
)

select
    coalesce(observed.from_at <= context.before_at, false) as is_comparable,
    failing_before.task_count as failing_before_count,
    (select count(*) from marts.task_health where state = 'silent') as silent_count,
    ticks.*,
    errors.*,
    incidents.*,
    runs.*,
    missing.*,
    known.*,
    budgets.*
from context
cross join observed
cross join failing_before
cross join ticks
cross join errors
cross join incidents
cross join runs
cross join missing
cross join known
cross join budgets
