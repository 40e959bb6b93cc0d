-- severity: error
-- asset: marts.task_health
-- A failing row calls its last 7 or 30 days complete although a run is missing in them.
select distinct
    health.task_id,
    missing.tick_at
from marts.task_health as health
inner join core.missing_runs as missing
    on missing.task_id = health.task_id
where missing.recovered_run_id is null
    and (
        (health.coverage_status_7d = 'complete' and missing.tick_at > core.as_of() - interval 168 hours)
        or (health.coverage_status_30d = 'complete' and missing.tick_at > core.as_of() - interval 720 hours)
    )
