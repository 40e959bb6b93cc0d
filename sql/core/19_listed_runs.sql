create table if not exists core.listed_runs (
    run_id varchar not null,
    status varchar not null,
    outcome varchar not null,
    is_final boolean not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    total_cents decimal(38, 20),
    first_poll_id varchar not null,
    first_observed_at timestamptz not null,
    last_observed_at timestamptz not null
);
