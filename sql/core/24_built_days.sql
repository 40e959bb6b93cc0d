create table if not exists core.built_days (
    date date not null,
    built_at timestamptz not null,
    reasons varchar[] not null
);
