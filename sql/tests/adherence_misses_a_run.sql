-- severity: error
-- asset: marts.schedule_adherence
-- A failing row is a tick called missed although a run was created at that very instant.
select
    adherence.task_id,
    adherence.tick_at,
    runs.run_id
from marts.schedule_adherence as adherence
inner join core.runs as runs
    on runs.task_id = adherence.task_id
    and runs.created_at = adherence.tick_at
where adherence.status = 'missed'
