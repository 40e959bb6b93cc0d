-- A run found later takes the place of the missing tick it was created for (scheduled runs are created at the nominal
-- cron time, give or take a minute): one run per tick, one tick per run, nearest first.
create or replace temp table healed as
with pairs as (

    select
        m.task_id,
        m.tick_at,
        r.run_id,
        abs(epoch(r.created_at) - epoch(m.tick_at)) as distance
    from core.missing_runs as m
    inner join core.runs as r
        on r.task_id = m.task_id
        and r.created_at between m.tick_at - interval 60 seconds and m.tick_at + interval 60 seconds
    left join core.missing_runs as taken
        on taken.recovered_run_id = r.run_id
    where m.recovered_run_id is null
        and taken.recovered_run_id is null
        and (
            r.first_poll_id = getvariable('poll_id')
            or r.run_id in (select run_id from changed_runs)
            or m.gap_id in (select gap_id from core.coverage_gaps where detected_poll_id = getvariable('poll_id'))
        )

)

select *
from pairs
qualify row_number() over (partition by task_id, tick_at order by distance, run_id) = 1
    and row_number() over (partition by run_id order by distance, tick_at) = 1;

update core.missing_runs as m
set recovered_run_id = h.run_id
from healed as h
where m.task_id = h.task_id
    and m.tick_at = h.tick_at;

update core.coverage_gaps as g
set recovered_count = c.recovered_count
from (
    select
        gap_id,
        count(recovered_run_id) as recovered_count
    from core.missing_runs
    where gap_id in (
        select m.gap_id
        from core.missing_runs as m
        inner join healed as h
            on h.task_id = m.task_id
            and h.tick_at = m.tick_at
    )
    group by gap_id
) as c
where g.gap_id = c.gap_id;
