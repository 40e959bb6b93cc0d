-- Where does each account stand in this month's budget, and where will it end?
-- Grain: one row per account, for the current local month. Key: month, account_id. Most of its budget forecast first.
-- Forecast: spend so far, plus each task's remaining cron ticks x the mean cost of its runs of the last 30 days.
-- Trigger.dev compute and invocation of every run, test runs too; not the language model's bill.
with context as (

    select
        *,
        date_trunc('month', as_of_at at time zone reporting_timezone)::date as month,
        date_trunc('month', as_of_at at time zone reporting_timezone) at time zone reporting_timezone as month_from_at,
        (date_trunc('month', as_of_at at time zone reporting_timezone) + interval 1 month)
            at time zone reporting_timezone as month_until_at
    from core.build_context

),

runs as materialized (

    select
        facts.task_id,
        facts.account_id,
        facts.created_at,
        facts.is_counted,
        facts.is_final,
        facts.total_cents,
        facts.wasted_cents
    from marts.runs_in_force as facts
    -- No month and no 720 hours reach further back.
    where facts.created_at > core.as_of() - interval 32 days
        and facts.created_at <= core.as_of()

),

spent as (

    select
        runs.account_id,
        count(*) as run_count,
        count(*) filter (runs.total_cents is null) as unpriced_run_count,
        core.sum_known_cents(runs.total_cents) as total_cents,
        core.sum_known_cents(runs.wasted_cents) as wasted_cents,
        bool_and(runs.is_final) as is_final
    from runs
    cross join context
    where runs.created_at >= context.month_from_at
    group by runs.account_id

),

priced_runs as (

    select
        runs.task_id,
        runs.total_cents
    from runs
    where runs.is_counted
        and runs.is_final
        and runs.total_cents is not null
        and runs.created_at > core.as_of() - interval 720 hours

),

task_costs as (

    select
        task_id,
        count(*) as n,
        sum(total_cents) as total_cents,
        var_samp(total_cents::double) as variance
    from priced_runs
    group by task_id

),

fleet_cost as (

    select
        nullif(count(*), 0) as n,
        sum(total_cents) as total_cents,
        coalesce(var_samp(total_cents::double), 0) as variance
    from priced_runs

),

remaining_ticks as (

    select
        ticks.task_id,
        count(*) as tick_count
    from core.expected_ticks as ticks
    cross join context
    where ticks.tick_at > core.as_of()
        and ticks.tick_at < context.month_until_at
    group by ticks.task_id

),

task_forecasts as (

    -- A task without a cost of its own is taken to cost what the fleet's runs cost; so is a spread known from few runs.
    select
        tasks.account_id,
        ticks.tick_count,
        costs.task_id is null as is_borrowed,
        core.divide_cents(
            coalesce(costs.total_cents, fleet.total_cents) * ticks.tick_count, coalesce(costs.n, fleet.n)
        ) as forecast_cents,
        case when costs.n >= 5 then costs.variance else fleet.variance end
        * (ticks.tick_count + pow(ticks.tick_count, 2) / nullif(coalesce(costs.n, fleet.n), 0)) as variance
    from remaining_ticks as ticks
    inner join core.tasks as tasks
        on tasks.task_id = ticks.task_id
    cross join fleet_cost as fleet
    left join task_costs as costs
        on costs.task_id = ticks.task_id
    where tasks.deleted_at is null

),

forecasts as (

    select
        account_id,
        sum(tick_count)::bigint as remaining_tick_count,
        count(*) filter (is_borrowed) as borrowed_task_count,
        case when count(*) = count(forecast_cents) then sum(forecast_cents) end as remaining_cents,
        (1.959963984540054 * sqrt(sum(variance)))::decimal(38, 20) as margin_cents
    from task_forecasts
    group by account_id

),

missing as (

    select
        missing.account_id,
        count(*) as runs_missing_count
    from marts.missing_run_facts as missing
    cross join context
    where missing.tick_at >= context.month_from_at
    group by missing.account_id

),

unknown_days as (

    -- Today is never known whole; whether its past hours are, the last 24 hours tell.
    select
        tasks.account_id
    from marts.coverage_facts as coverage
    inner join core.tasks as tasks
        on tasks.task_id = coverage.task_id
    cross join context
    where coverage.date >= context.month
        and coverage.day_ends_at <= core.as_of()
        and coverage.coverage_status = 'unknown'
    union
    select
        tasks.account_id
    from marts.window_coverage as coverage
    inner join core.tasks as tasks
        on tasks.task_id = coverage.task_id
    where coverage.window_days = 1
        and coverage.coverage_status not in ('complete', 'gap')

),

accounts as (

    select distinct account_id from core.tasks
    union
    select account_id from spent
    union
    select account_id from missing
    union
    select account_id from core.budgets where account_id != '*'

),

budgets as (

    select
        accounts.account_id,
        case when own.account_id is not null then own.monthly_budget_usd else standard.monthly_budget_usd end
            as budget_usd,
        coalesce(case when own.account_id is not null then own.warn_ratio else standard.warn_ratio end, 0.8)
            as warn_ratio
    from accounts
    left join core.budgets as own
        on own.account_id = accounts.account_id
    left join core.budgets as standard
        on standard.account_id = '*'

),

joined as (

    select
        context.month,
        budgets.account_id,
        budgets.budget_usd,
        budgets.warn_ratio,
        coalesce(spent.run_count, 0) as run_count,
        coalesce(spent.unpriced_run_count, 0) as unpriced_run_count,
        case when spent.run_count > 0 then spent.total_cents else 0 end as total_cents,
        case when spent.run_count > 0 then spent.wasted_cents else 0 end as wasted_cents,
        coalesce(spent.is_final, true) as is_final,
        coalesce(forecasts.remaining_tick_count, 0) as remaining_tick_count,
        coalesce(forecasts.borrowed_task_count, 0) as borrowed_task_count,
        case when forecasts.remaining_tick_count > 0 then forecasts.remaining_cents else 0 end as remaining_cents,
        coalesce(forecasts.margin_cents, 0) as margin_cents,
        coalesce(missing.runs_missing_count, 0) as runs_missing_count,
        -- Runs of which the task is not known yet: nobody knows how many more there are.
        (budgets.account_id is null and spent.run_count > 0) or exists (
            select 1
            from unknown_days
            where unknown_days.account_id is not distinct from budgets.account_id
        ) as is_unknown
    from budgets
    cross join context
    left join spent
        on spent.account_id is not distinct from budgets.account_id
    left join forecasts
        on forecasts.account_id is not distinct from budgets.account_id
    left join missing
        on missing.account_id is not distinct from budgets.account_id

),

forecast as (

    select
        *,
        coalesce(total_cents, 0) + remaining_cents as forecast_cents,
        -- greatest() passes over nulls, and an unknown rest must stay unknown.
        case
            when remaining_cents is not null
                then coalesce(total_cents, 0) + greatest(remaining_cents - margin_cents, 0)
        end as forecast_low_cents,
        coalesce(total_cents, 0) + remaining_cents + margin_cents as forecast_high_cents
    from joined

),

judged as (

    -- Cents are exact, dollars are rounded: a limit is compared with cents.
    select
        *,
        budget_usd * 100 as budget_cents
    from forecast

)

select
    judged.month,
    judged.account_id,
    accounts.account_name,
    budget_usd,
    warn_ratio,
    case
        when budget_usd is null then 'no_budget'
        when total_cents > budget_cents then 'over'
        when forecast_low_cents > budget_cents then 'will_be_over'
        when total_cents >= budget_cents * warn_ratio::decimal(5, 4) then 'warn'
        when forecast_cents > budget_cents then 'may_be_over'
        else 'within'
    end as budget_state,

    ---------- so far
    run_count,
    total_cents,
    core.usd(total_cents) as total_usd,
    wasted_cents,
    core.usd(wasted_cents) as wasted_usd,
    total_cents / nullif(budget_cents, 0) as spent_ratio,
    is_final,
    unpriced_run_count,

    ---------- at the end of the month
    remaining_tick_count,
    borrowed_task_count,
    core.usd(forecast_cents) as forecast_usd,
    core.usd(forecast_low_cents) as forecast_low_usd,
    core.usd(forecast_high_cents) as forecast_high_usd,
    forecast_cents / nullif(budget_cents, 0) as forecast_ratio,

    ---------- completeness
    runs_missing_count,
    core.coverage_status(runs_missing_count, is_unknown) as coverage_status
from judged
left join core.accounts as accounts
    on accounts.account_id = judged.account_id
order by forecast_ratio desc nulls last, total_cents desc nulls last, judged.account_id
