create table if not exists core.incidents (
    incident_id varchar not null,
    kind varchar not null,
    subject varchar not null,
    title varchar not null,
    state varchar not null,
    opened_at timestamptz not null,
    last_seen_at timestamptz not null,
    closed_at timestamptz,
    cause varchar not null,
    measure double not null,
    most_measured double not null,
    seen_count bigint not null,
    completeness varchar not null,
    rows_query varchar not null
);
