-- Runs that windows held and that could not be kept, since the last whole look at each task: missing, and told as such.
-- A run is one and the same by its id, else by its time; of those without either, the newest window's count stands.
create or replace temp table rejected_runs as
with refused as (

    select
        r.task_id,
        r.run_id,
        r.run_created_at,
        getvariable('poll_id') as poll_id,
        getvariable('observed_at') as seen_at
    from stage.rejects as r
    where r.level = 'run'
        and r.task_id is not null

    union all

    select
        q.task_id,
        q.run_id,
        q.run_created_at,
        q.poll_id,
        p.started_at as seen_at
    from core.quarantine as q
    inner join core.polls as p
        on p.poll_id = q.poll_id
    where q.level = 'run'
        and (q.run_id is not null or q.run_created_at is not null)

),

since as (

    select refused.*
    from refused
    inner join observed as o
        on o.task_id = refused.task_id
    where o.is_damaged
        and o.is_changed
        and coalesce(refused.seen_at > o.known_until_at, true)

),

distinct_runs as (

    select
        task_id,
        run_id,
        max(run_created_at) as run_created_at,
        max(seen_at) as seen_at
    from since
    group by task_id, run_id, coalesce(run_id, run_created_at::varchar, uuid()::varchar)

)

select
    task_id,
    -- One without a time stands at the instant of the look, so that it is counted on a day at least.
    coalesce(run_created_at, seen_at)
        - to_microseconds(row_number() over (partition by task_id, coalesce(run_created_at, seen_at) order by run_id) - 1)
        as tick_at
from distinct_runs
where coalesce(run_id, '') not in (select run_id from core.runs)
    and coalesce(run_id, '') not in (select run_id from stage.runs);

insert into core.coverage_gaps by name
select
    getvariable('poll_id') || '/' || r.task_id || '/rejected' as gap_id,
    r.task_id,
    min(r.tick_at) - interval 1 microsecond as from_at,
    max(r.tick_at) + interval 1 microsecond as to_at,
    'rejected' as cause,
    true as is_provisional,
    min(t.schedule) as schedule,
    min(t.timezone) as timezone,
    count(*)::integer as runs_missing_count,
    0 as recovered_count,
    getvariable('observed_at') as detected_at,
    getvariable('poll_id') as detected_poll_id
from rejected_runs as r
inner join core.tasks as t
    on t.task_id = r.task_id
group by r.task_id;

insert into core.missing_runs by name
select
    task_id,
    tick_at,
    getvariable('poll_id') || '/' || task_id || '/rejected' as gap_id,
    null::varchar as recovered_run_id
from rejected_runs;
