-- The pairs of 24_pair_recovered.sql, written.
update core.missing_runs as m
set recovered_run_id = h.run_id
from paired as h
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
        inner join paired as h
            on h.task_id = m.task_id
            and h.tick_at = m.tick_at
    )
    group by gap_id
) as c
where g.gap_id = c.gap_id;
