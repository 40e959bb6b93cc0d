-- Who is over budget, or will be? Measure: 2 over it, 1 will be over it even by the lower bound of the forecast; nobody can
-- tell while no cost is known.
select
    coalesce(account_id, 'no account') as subject,
    'account ' || coalesce(account_name, account_id, 'not known') as title,
    case
        when total_cents is null then null
        when budget_state = 'over' then 2
        when budget_state = 'will_be_over' then 1
        else 0
    end::double as measure,
    strftime(month, '%Y-%m') || ': ' || case when total_cents is null then 'an unknown sum' else core.money_text(total_cents) end
    || case when unpriced_run_count > 0 and total_cents > 0 then ' or more' else '' end
    || ' of ' || core.money_text(100 * budget_usd) || ' spent, '
    || case when forecast_usd is null then 'an unknown sum' else core.money_text(100 * forecast_usd) end || ' expected by the end of the month' as cause,
    'month so far: ' || replace(coverage_status, '_', ' ') || ', ' || core.counted(runs_missing_count, 'run') || ' missing'
    || case when unpriced_run_count > 0 then ', no cost told of ' || core.counted(unpriced_run_count, 'run') else '' end as completeness,
    'select * from marts.budget_status where account_id = ''' || coalesce(account_id, '') || '''' as rows_query
from marts.budget_status
where budget_usd is not null
