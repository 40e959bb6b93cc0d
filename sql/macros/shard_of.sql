-- Which shard made a poll, by the end of its id; empty where one poller is the whole warehouse. Numbers of polls, and
-- pauses between them, mean something only among the polls of one shard: each asks for accounts of its own.
create or replace macro core.shard_of(poll_id) as (split_part(poll_id, '@', 2));
