create table if not exists core.responses (
    poll_id varchar not null,
    response_number integer not null,
    kind varchar not null,
    request varchar not null,
    http_status integer,
    requested_at timestamptz not null,
    received_at timestamptz not null,
    server_at timestamptz,
    tries_count integer not null,
    body_bytes bigint not null,
    body_hash varchar
);
