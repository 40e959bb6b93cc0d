-- A run is one run by its id, whichever shards saw it: of each column the last value that is not absent counts, by the
-- order of sql/flatten/21_upsert_runs.sql. Only runs of a task that moved stand in more than one shard.
create or replace temp table shared_runs as
select run_id
from told_runs
group by run_id
having count(*) > 1;

delete from core.runs;

insert into core.runs by name
-- The days are reckoned by the next build, in this warehouse's own time zone.
select * exclude (shard) replace (null::date as created_date)
from told_runs
anti join shared_runs using (run_id)

union all by name

select
    run_id,
    null::date as created_date,
    arg_max(
        columns(
            * exclude (
                run_id, created_date, shard, found_by, first_poll_id, first_observed_at, last_observed_at,
                details_observed_at
            )
        ),
        (updated_at, last_observed_at, shard)
    ),
    case
        when bool_or(found_by = 'window') then 'window'
        when bool_or(found_by = 'retrieve') then 'retrieve'
        else 'listing'
    end as found_by,
    arg_min(first_poll_id, (first_observed_at, shard)) as first_poll_id,
    min(first_observed_at) as first_observed_at,
    max(last_observed_at) as last_observed_at,
    max(details_observed_at) as details_observed_at
from told_runs
semi join shared_runs using (run_id)
group by run_id;

delete from core.attempts;

insert into core.attempts by name
select
    attempt_id,
    arg_max(
        columns(* exclude (attempt_id, shard, first_observed_at, last_observed_at)),
        (updated_at, last_observed_at, shard)
    ),
    min(first_observed_at) as first_observed_at,
    max(last_observed_at) as last_observed_at
from told_attempts
group by attempt_id;

-- Tags are a set, and that of the last word on the run counts.
delete from core.run_tags;

insert into core.run_tags by name
select
    tags.run_id,
    tags.tag
from told_run_tags as tags
left join (
    select
        run_id,
        arg_max(shard, (updated_at, last_observed_at, shard)) as shard
    from told_runs
    semi join shared_runs using (run_id)
    group by run_id
) as last_word
    on last_word.run_id = tags.run_id
where coalesce(last_word.shard = tags.shard, true);

-- A run that one shard could not attribute may be known to another.
delete from core.listed_runs;

insert into core.listed_runs by name
select * exclude (shard)
from told_listed_runs
where run_id not in (select run_id from core.runs)
qualify row_number() over (partition by run_id order by updated_at desc, last_observed_at desc, shard) = 1;
