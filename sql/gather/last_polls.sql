-- When each shard last polled with success. Read by pipelines/lake/gather.py.
select
    core.shard_of(poll_id) as shard,
    max(started_at) as last_at
from core.polls
where status in ('succeeded', 'suspect', 'partial')
group by shard;
