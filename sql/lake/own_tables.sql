-- What publishing remembers in the lake: what each table and view is, what each day of a table held, and the versions that
-- expiry leaves alone. Run by pipelines/lake/update.py.
create schema if not exists lake.publishing;

create table if not exists lake.publishing.definitions (relation varchar, kind varchar, definition varchar);

create table if not exists lake.publishing.digests (relation varchar, day date, row_count bigint, digest varchar);

create table if not exists lake.publishing.pins (version bigint, reason varchar);
