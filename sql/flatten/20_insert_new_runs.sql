-- Runs and tags that are met for the first time and once only, which is most of them: they go in as they are.
-- Whatever has more than one candidate is left to 21_upsert_runs.sql. Run ids begin with their time, so that DuckDB skips
-- most of the history when it looks for them. A run of a listing that nobody could attribute is left out: it would count
-- as a run of nobody while its tick counts as missing.
create or replace temp table known_runs as
select * from core.runs
where run_id in (select run_id from stage.runs);

create or replace temp table upserted_ids as
select run_id from known_runs
union
select run_id
from stage.runs
where run_id not in (select run_id from unattributed)
group by run_id
having count(*) > 1;

insert into core.runs by name
select s.* exclude (response_number, position, tags)
    replace (
        s.compute_cents + s.invocation_cents as total_cents,
        coalesce(s.task_id, a.task_id) as task_id
    )
from stage.runs as s
left join attributed as a
    on a.run_id = s.run_id
where s.run_id not in (select run_id from upserted_ids)
    and s.run_id not in (select run_id from unattributed);

insert into core.run_tags by name
select
    run_id,
    unnest(list_distinct(tags)) as tag
from stage.runs
where run_id not in (select run_id from upserted_ids)
    and run_id not in (select run_id from unattributed);
