create table if not exists core.day_builds (
    fingerprint varchar not null,
    full_built_at timestamptz not null,
    differing_day_count bigint not null
);
