-- Runs that left a window were last seen when the window still showed them.
update core.runs as r
set last_observed_at = d.last_seen_at
from departed as d
where r.run_id = d.run_id
    and r.last_observed_at < d.last_seen_at;
