-- Runs that core has otherwise than 21_upsert_runs.sql found them. The next build writes their day anew.
delete from core.runs
where run_id in (select run_id from changed_runs);

insert into core.runs by name
select * replace (null::date as created_date)
from merged_runs
where run_id in (select run_id from changed_runs);

-- A run whose task was corrected leaves the tick that it was taken for: that one is missing again.
create or replace temp table released as
select
    m.task_id,
    m.tick_at,
    m.gap_id
from core.missing_runs as m
inner join core.runs as r
    on r.run_id = m.recovered_run_id
    and r.task_id <> m.task_id
where r.run_id in (select run_id from changed_runs);

update core.missing_runs as m
set recovered_run_id = null
from released as w
where m.task_id = w.task_id
    and m.tick_at = w.tick_at;

update core.coverage_gaps as g
set recovered_count = g.recovered_count - w.released_count
from (
    select
        gap_id,
        count(*) as released_count
    from released
    group by gap_id
) as w
where g.gap_id = w.gap_id;
