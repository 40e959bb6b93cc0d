create table if not exists core.schema_changes (
    path varchar not null,
    kind varchar not null,
    json_type varchar not null,
    first_seen_at timestamptz not null,
    first_poll_id varchar not null,
    poll_count integer not null
);
