-- Where does each account stand this month? Parameter: $limit. Read by pipelines/report/queries.py.
select *
from marts.budget_status
where run_count > 0 or remaining_tick_count > 0 or budget_usd is not null
order by
    list_position(['over', 'will_be_over', 'warn', 'may_be_over', 'within', 'no_budget'], budget_state),
    total_cents desc nulls last,
    account_id
limit $limit
