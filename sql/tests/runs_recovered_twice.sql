-- severity: error
-- asset: core.missing_runs
-- A failing row is a run that is taken for more than one missing tick, so that another loss is hidden.
select
    recovered_run_id,
    count(*) as tick_count
from core.missing_runs
where recovered_run_id is not null
group by recovered_run_id
having count(*) > 1
