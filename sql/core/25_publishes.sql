create table if not exists core.publishes (
    publish_number bigint not null,
    published_at timestamptz not null,
    snapshot_number integer not null,
    as_of_at timestamptz not null,
    reporting_timezone varchar not null,
    program varchar not null,
    sql_digest varchar not null,
    closed_until date not null,
    compared_with bigint
);
