create table if not exists core.build_context (
    as_of_at timestamptz not null,
    reporting_timezone varchar not null,
    warehouse_version varchar not null,
    source varchar not null
);
