-- severity: error
-- asset: core.missing_runs
-- A failing row is a run counted as missing although a run of that very tick is in the warehouse: it is counted twice.
select
    missing.task_id,
    missing.tick_at,
    runs.run_id
from core.missing_runs as missing
inner join core.runs as runs
    on runs.task_id = missing.task_id
    and runs.created_at = missing.tick_at
where missing.recovered_run_id is null
