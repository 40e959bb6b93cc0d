-- What publishing remembers in the lake: what each table and view is, what each day of a table held, the versions that
-- expiry leaves alone, and whose archive was written last. Run by pipelines/lake/update.py.
create schema if not exists lake.publishing;

create table if not exists lake.publishing.definitions (relation varchar, kind varchar, definition varchar);

create table if not exists lake.publishing.digests (relation varchar, day date, row_count bigint, digest varchar);

create table if not exists lake.publishing.pins (version bigint, reason varchar);

create table if not exists lake.publishing.writer (archive_head varchar, written_from varchar);
