create table if not exists core.check_results (
    checked_at timestamptz not null,
    relation varchar not null,
    name varchar not null,
    severity varchar not null,
    failing_count bigint not null,
    snapshot_number integer
);
