create table if not exists core.budgets (
    account_id varchar not null,
    monthly_budget_usd decimal(38, 4),
    warn_ratio double
);
