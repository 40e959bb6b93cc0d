-- severity: error
-- asset: marts.schedule_adherence
-- A failing row is a tick called missed although its run is counted as not seen.
select
    adherence.task_id,
    adherence.tick_at
from marts.schedule_adherence as adherence
inner join core.missing_runs as missing
    on missing.task_id = adherence.task_id
    and missing.tick_at = adherence.tick_at
where adherence.status = 'missed'
    and missing.recovered_run_id is null
