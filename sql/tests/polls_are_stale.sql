-- severity: warn
-- asset: core.polls
-- A failing row is the last loaded poll (of a shard, where there are several) when it ended more than 26 hours before the
-- build: a nightly was missed.
select
    max(polls.poll_id) as poll_id,
    max(polls.finished_at) as finished_at
from core.polls as polls
where polls.status in ('succeeded', 'suspect', 'partial')
group by core.shard_of(polls.poll_id)
having max(polls.finished_at) < core.as_of() - interval 26 hours
