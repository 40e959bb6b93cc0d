create table if not exists core.schedule_gaps (
    schedule varchar not null,
    timezone varchar not null,
    is_readable boolean not null,
    smallest_gap_ms bigint
);
