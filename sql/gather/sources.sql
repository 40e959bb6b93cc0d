-- Where the polls of all shards came from, saved bodies apart, with a shard for each. Read by pipelines/lake/gather.py.
select
    source,
    min(shard) as shard
from told_polls
where source in ('api', 'simulator')
group by source
order by source;
