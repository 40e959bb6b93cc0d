-- Upsert by run id of what core knows already or what this poll shows more than once. Candidates are ordered by
-- updatedAt, then by when they were observed (what core has comes first); each column takes its last value that is not
-- absent, so a list row never erases what a retrieve row told. A task that was only guessed for a run of the listing
-- yields to one that a window or a retrieval names.
create or replace temp table merged_runs as
select * from core.runs limit 0;

insert into merged_runs by name
with candidates as (

    select s.* exclude (tags) replace (coalesce(s.task_id, a.task_id) as task_id)
    from stage.runs as s
    left join attributed as a
        on a.run_id = s.run_id
    where s.run_id in (select run_id from upserted_ids)

    union all by name

    select
        0 as response_number,
        0 as position,
        *
    from known_runs

),

turns as (

    select
        *,
        turn(updated_at, response_number, position) as turn
    from candidates

),

upserted as (

    select
        run_id,
        arg_max(
            columns(
                * exclude (
                    run_id, response_number, position, turn, total_cents, found_by, task_id, first_poll_id,
                    first_observed_at, last_observed_at, details_observed_at
                )
            ),
            turn
        ),
        coalesce(
            arg_max(task_id, turn) filter (where found_by <> 'listing'),
            arg_max(task_id, turn)
        ) as task_id,
        case
            when bool_or(found_by = 'window') then 'window'
            when bool_or(found_by = 'retrieve') then 'retrieve'
            else 'listing'
        end as found_by,
        arg_min(first_poll_id, first_observed_at) as first_poll_id,
        min(first_observed_at) as first_observed_at,
        max(last_observed_at) as last_observed_at,
        max(details_observed_at) as details_observed_at
    from turns
    group by run_id

)

select *, compute_cents + invocation_cents as total_cents
from upserted;

-- Only those that differ are written again (21_write_changed_runs.sql); that a run was seen again is not a difference.
insert into changed_runs by name
select m.run_id
from (select * exclude (last_observed_at) from merged_runs) as m
left join (select * exclude (last_observed_at) from known_runs) as k
    on k.run_id = m.run_id
where m is distinct from k;

-- Tags are a set: the newest observation's set replaces the known one.
create or replace temp table changed_tags as
with newest as (

    select
        s.run_id,
        list_sort(list_distinct(s.tags)) as tags
    from (
        select
            run_id,
            max(updated_at) as updated_at,
            arg_max(tags, turn(updated_at, response_number, position)) as tags
        from stage.runs
        where run_id in (select run_id from upserted_ids)
            and tags is not null
        group by run_id
    ) as s
    inner join merged_runs as m
        on m.run_id = s.run_id
        and m.updated_at = s.updated_at

),

known as (

    select
        run_id,
        list_sort(list(tag)) as tags
    from core.run_tags
    where run_id in (select run_id from upserted_ids)
    group by run_id

)

select n.*
from newest as n
left join known as k
    on k.run_id = n.run_id
where n.tags is distinct from coalesce(k.tags, []);

delete from core.run_tags
where run_id in (select run_id from changed_tags);

insert into core.run_tags by name
select
    run_id,
    unnest(tags) as tag
from changed_tags;
