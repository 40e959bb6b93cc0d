-- Why were runs not seen? One row per cause, the most frequent first.
-- Read by pipelines/console/summary.py.
select
    cause,
    count(*) as runs_missing_count
from marts.missing_run_facts
group by cause
order by runs_missing_count desc
