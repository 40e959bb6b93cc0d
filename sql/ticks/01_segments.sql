-- When was which schedule of a task in force? One row per task version that expects ticks; the later steps read it.
-- A task's ticks start where its observation does: what its schedule was before, nobody knows. The configuration in
-- force now reaches to the end of the next month in the reporting zone, for forecasts.
-- Parameters: $as_of, the time of the build; $zone, the reporting zone. Run by pipelines/transform/expected_ticks.py.
create or replace temp table tick_segments as
with limits as (

    select (date_trunc('month', $as_of::timestamptz at time zone $zone) + interval 2 months) at time zone $zone
        as horizon_at

)

select
    v.task_id,
    v.version_number,
    v.schedule,
    coalesce(v.timezone, 'UTC') as timezone,
    case
        when v.version_number = 1 then t.observed_from_at
        else greatest(v.valid_from, t.observed_from_at)
    end as from_at,
    least(v.valid_to, limits.horizon_at) as until_at
from core.task_versions as v
inner join core.tasks as t
    on t.task_id = v.task_id
cross join limits
where v.is_enabled
    and v.schedule_id is not null
    and v.schedule is not null
    and t.observed_from_at is not null
