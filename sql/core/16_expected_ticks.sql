create table if not exists core.expected_ticks (
    task_id varchar not null,
    tick_at timestamptz not null,
    schedule varchar not null,
    timezone varchar not null,
    version_number integer not null,
    is_future boolean not null
);
