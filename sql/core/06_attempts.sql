create table if not exists core.attempts (
    attempt_id varchar not null,
    run_id varchar not null,
    status varchar not null,
    is_final boolean not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    started_at timestamptz,
    completed_at timestamptz,
    error_name varchar,
    error_message varchar,
    stack_trace_hash varchar,
    stack_trace_length bigint,
    stack_trace varchar,
    first_observed_at timestamptz not null,
    last_observed_at timestamptz not null
);
