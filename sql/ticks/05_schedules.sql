-- Which schedules are to be asked for ticks, and from when to when? One row per schedule and zone.
-- Read by pipelines/transform/expected_ticks.py.
select schedule, timezone, min(from_at), max(until_at)
from tick_segments
where from_at < until_at
group by all
order by all
