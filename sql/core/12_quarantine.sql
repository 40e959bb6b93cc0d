create table if not exists core.quarantine (
    poll_id varchar not null,
    response_number integer not null,
    path varchar not null,
    level varchar not null,
    task_id varchar,
    run_id varchar,
    run_created_at timestamptz,
    reason varchar not null,
    raw json
);
