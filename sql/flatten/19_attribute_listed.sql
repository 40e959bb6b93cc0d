-- Whose are the runs of a listing? It names an account (a tag) and no task. A run is attributed when exactly one task of
-- the account can have made it: the task's missing tick lies within a minute of the run, and no other listed run and no
-- other task competes. All others are kept in core.listed_runs until they are retrieved.
create or replace temp table listed as
select *
from stage.runs
where task_id is null
    and run_id not in (select run_id from core.runs)
    and run_id not in (select run_id from stage.runs where task_id is not null)
qualify row_number() over (partition by run_id order by updated_at desc, response_number desc, position desc) = 1;

create or replace temp table attributed as
with listed_ticks as (

    select
        l.run_id,
        l.created_at,
        t.task_id,
        m.tick_at
    from listed as l
    inner join core.tasks as t
        on list_contains(l.tags, 'account:' || t.account_id)
    inner join core.missing_runs as m
        on m.task_id = t.task_id
        and m.tick_at between l.created_at - core.tick_tolerance() and l.created_at + core.tick_tolerance()
    where l.found_by = 'listing'
        and m.recovered_run_id is null
        -- The run of that tick may be here already, paired or not.
        and not exists (
            select 1
            from core.runs as r
            where r.task_id = t.task_id
                and r.created_at between m.tick_at - core.tick_tolerance() and m.tick_at + core.tick_tolerance()
        )
        and not exists (
            select 1
            from stage.runs as r
            where r.task_id = t.task_id
                and r.created_at between m.tick_at - core.tick_tolerance() and m.tick_at + core.tick_tolerance()
        )

),

-- A task that runs every minute has several ticks within reach of a run: the nearest is meant.
nearest as (

    select *
    from listed_ticks
    qualify row_number() over (
        partition by run_id, task_id
        order by abs(epoch(tick_at) - epoch(created_at)), tick_at
    ) = 1

),

-- Nobody has looked that far at these tasks, so nothing says that the run is not theirs.
unwatched as (

    select
        l.run_id,
        t.task_id
    from listed as l
    inner join core.tasks as t
        on list_contains(l.tags, 'account:' || t.account_id)
    where t.is_enabled
        and t.schedule_id is not null
        and coalesce(t.deleted_at > l.created_at, true)
        and coalesce(t.observed_until_at < l.created_at + core.tick_tolerance(), true)

)

select
    run_id,
    task_id
from nearest
where run_id not in (select u.run_id from unwatched as u where u.task_id <> nearest.task_id)
qualify count(*) over (partition by run_id) = 1
    and count(*) over (partition by task_id, tick_at) = 1;

create or replace temp table unattributed as
select run_id
from listed
where found_by = 'listing'
    and run_id not in (select run_id from attributed);

create or replace temp table named_before as
select * from core.listed_runs;

delete from core.listed_runs
where run_id in (select run_id from stage.runs)
    or run_id in (select run_id from core.runs);

insert into core.listed_runs by name
select
    l.run_id,
    l.status,
    l.outcome,
    l.is_final,
    l.created_at,
    l.updated_at,
    l.compute_cents + l.invocation_cents as total_cents,
    coalesce(b.first_poll_id, l.first_poll_id) as first_poll_id,
    coalesce(b.first_observed_at, l.first_observed_at) as first_observed_at,
    l.last_observed_at
from listed as l
left join named_before as b
    on b.run_id = l.run_id
where l.run_id in (select run_id from unattributed);
