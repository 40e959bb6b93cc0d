-- Holes with the cron ticks that Python counted in them, as gaps and missing runs.
-- Parameters: hole_ticks, a JSON list of {task_id, ticks: [epoch seconds] or null where an expression is unreadable}.
create or replace temp table counted_holes as
select unnest(
    from_json(getvariable('hole_ticks')::json, '[{"task_id": "VARCHAR", "ticks": ["BIGINT"]}]'),
    recursive := true
);

insert into core.coverage_gaps by name
select
    getvariable('poll_id') || '/' || h.task_id as gap_id,
    h.task_id,
    h.from_at,
    h.to_at,
    h.cause,
    false as is_provisional,
    s.schedule,
    s.timezone,
    len(c.ticks)::integer as runs_missing_count,
    0 as recovered_count,
    greatest(h.observed_at, getvariable('observed_at')) as detected_at,
    getvariable('poll_id') as detected_poll_id
from holes as h
inner join counted_holes as c
    on c.task_id = h.task_id
left join (
    select *
    from hole_stretches
    qualify row_number() over (partition by task_id order by version_number desc) = 1
) as s
    on s.task_id = h.task_id
where c.ticks is null
    or len(c.ticks) > 0;

insert into core.missing_runs by name
select
    task_id,
    to_timestamp(unnest(ticks)) as tick_at,
    getvariable('poll_id') || '/' || task_id as gap_id,
    null::varchar as recovered_run_id
from counted_holes;
