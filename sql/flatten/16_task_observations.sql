-- What was seen of each task, with the verdict; `holes` are judged before (load/coverage_gaps.py counts their cron ticks).
insert into core.task_observations by name
select
    getvariable('poll_id') as poll_id,
    o.task_id,
    o.observed_at,
    o.schedule_id,
    o.is_enabled,
    case when o.is_unknown then 0 else o.run_count end as run_count,
    case when not o.is_unknown then o.window_oldest_run_at end as oldest_run_at,
    case when not o.is_unknown then o.window_newest_run_at end as newest_run_at,
    o.is_saturated,
    case when not o.is_unknown and o.is_saturated then coalesce(o.is_overlapping, false) end as is_overlapping,
    case
        when o.is_unknown then 'unknown'
        when o.is_damaged then 'rejected'
        when o.known_until_at is null then 'first'
        when o.is_schedule_replaced then 'schedule_replaced'
        when g.task_id is not null then 'gap'
        else 'complete'
    end as verdict
from observed as o
left join (
    select distinct task_id
    from core.coverage_gaps
    where detected_poll_id = getvariable('poll_id')
) as g
    on g.task_id = o.task_id;
