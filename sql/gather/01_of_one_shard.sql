-- Rows of which each belongs to one poll, and so to one shard. The marts are older than core from here on.
-- Run by pipelines/lake/gather.py, like all of this folder, in one transaction; told_<table> holds the rows of all shards,
-- with the name of each, and ids of polls that end in it.
delete from core.build_context;

delete from core.polls;

insert into core.polls by name
select * exclude (shard) from told_polls;

delete from core.responses;

insert into core.responses by name
select * exclude (shard) from told_responses;

delete from core.quarantine;

insert into core.quarantine by name
select * exclude (shard) from told_quarantine;

-- A key that several shards met was met first by one.
delete from core.schema_changes;

insert into core.schema_changes by name
select
    path,
    arg_min(kind, (first_seen_at, shard)) as kind,
    arg_min(json_type, (first_seen_at, shard)) as json_type,
    min(first_seen_at) as first_seen_at,
    arg_min(first_poll_id, (first_seen_at, shard)) as first_poll_id,
    sum(poll_count)::integer as poll_count
from told_schema_changes
group by path;
