create table if not exists core.coverage_gaps (
    gap_id varchar not null,
    task_id varchar not null,
    from_at timestamptz not null,
    to_at timestamptz not null,
    cause varchar not null,
    is_provisional boolean not null,
    schedule varchar,
    timezone varchar,
    runs_missing_count integer,
    recovered_count integer not null,
    detected_at timestamptz not null,
    detected_poll_id varchar not null
);
