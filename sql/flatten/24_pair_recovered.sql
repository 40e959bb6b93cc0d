-- A run found later takes the place of the missing tick it was created for (scheduled runs are created at the nominal
-- cron time, give or take a minute): one run per tick, one tick per run, nearest first.
-- Only what this poll brought can pair anew: its runs with any missing tick, its holes' ticks with any run. Each side is
-- bounded in time as well, or a poll would take longer with every run that ever went missing.
create or replace temp table fresh_runs as
select run_id, task_id, created_at
from core.runs
where run_id in (select run_id from stage.runs)
    and (first_poll_id = getvariable('poll_id') or run_id in (select run_id from changed_runs));

create or replace temp table fresh_missing as
select task_id, tick_at
from core.missing_runs
where recovered_run_id is null
    and gap_id in (select gap_id from core.coverage_gaps where detected_poll_id = getvariable('poll_id'));

-- As constants: DuckDB then leaves older rows unread.
set variable fresh_runs_from = (select min(created_at) - core.tick_tolerance() from fresh_runs);
set variable fresh_missing_from = (select min(tick_at) - core.tick_tolerance() from fresh_missing);

create or replace temp table paired as
with candidates as (

    select
        m.task_id,
        m.tick_at,
        r.run_id,
        r.created_at
    from fresh_runs as r
    inner join core.missing_runs as m
        on m.task_id = r.task_id
        and m.tick_at between r.created_at - core.tick_tolerance() and r.created_at + core.tick_tolerance()
    where m.recovered_run_id is null
        and m.tick_at >= getvariable('fresh_runs_from')

    union

    select
        m.task_id,
        m.tick_at,
        r.run_id,
        r.created_at
    from fresh_missing as m
    inner join core.runs as r
        on r.task_id = m.task_id
        and r.created_at between m.tick_at - core.tick_tolerance() and m.tick_at + core.tick_tolerance()
    where r.created_at >= getvariable('fresh_missing_from')

),

pairs as (

    select
        task_id,
        tick_at,
        run_id,
        abs(epoch(created_at) - epoch(tick_at)) as distance
    from candidates
    where run_id not in (select recovered_run_id from core.missing_runs where recovered_run_id is not null)

)

select *
from pairs
qualify row_number() over (partition by task_id, tick_at order by distance, run_id) = 1
    and row_number() over (partition by run_id order by distance, tick_at) = 1;
