-- Used by pipelines/evidence/cell.py. Ticks of the cell whose runs were never seen.
select
    task_id,
    tick_at,
    cause
from marts.missing_run_facts as facts
where {conditions}
order by tick_at, task_id
