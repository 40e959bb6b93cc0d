create table if not exists core.statuses (
    status varchar not null,
    outcome varchar not null,
    is_final boolean not null,
    seen_in varchar not null
);
