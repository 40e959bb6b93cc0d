-- Upsert by run id of what core knows already or what this poll shows more than once. Candidates are ordered by
-- updatedAt, then by when they were observed (what core has comes first); each column takes its last value that is not
-- absent, so a list row never erases what a retrieve row told. A task that was only guessed for a run of the listing
-- yields to one that a window or a retrieval names.
create or replace temp table merged_runs as
select * from core.runs limit 0;

insert into merged_runs by name
with candidates as (

    select
        true as is_staged,
        s.* exclude (tags) replace (coalesce(s.task_id, a.task_id) as task_id)
    from stage.runs as s
    left join attributed as a
        on a.run_id = s.run_id
    where s.run_id in (select run_id from upserted_ids)

    union all by name

    select
        false as is_staged,
        0 as response_number,
        0 as position,
        *
    from known_runs

),

turns as (

    select
        *,
        row_number() over (
            partition by run_id
            order by updated_at, is_staged, response_number, position
        ) as turn
    from candidates

),

upserted as (

    select
        run_id,
        arg_max(
            columns(
                lambda name: name not in (
                    'run_id', 'is_staged', 'response_number', 'position', 'turn', 'total_cents', 'found_by', 'task_id',
                    'first_poll_id', 'first_observed_at', 'last_observed_at', 'details_observed_at'
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

-- Only those that differ are written again; that a run was seen again is not a difference.
insert into changed_runs by name
select run_id
from (
    select * exclude (last_observed_at) from merged_runs
    except
    select * exclude (last_observed_at) from known_runs
);

delete from core.runs
where run_id in (select run_id from changed_runs);

insert into core.runs by name
select *
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

-- Tags are a set: the newest observation's set replaces the known one.
create or replace temp table changed_tags as
with newest as (

    select
        s.run_id,
        list_sort(list_distinct(s.tags)) as tags
    from (
        select run_id, updated_at, tags
        from stage.runs
        where run_id in (select run_id from upserted_ids)
            and tags is not null
        qualify row_number() over (
            partition by run_id
            order by updated_at desc, response_number desc, position desc
        ) = 1
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
