-- Attempts fold like runs. Tags are a set: the newest observation's set replaces the known one.
create or replace temp table attempt_candidates as
select
    true as is_staged,
    * exclude (observed_at)
from stage.attempts

union all by name

select
    false as is_staged,
    0 as response_number,
    0 as position,
    c.*
from core.attempts as c
where c.attempt_id in (select attempt_id from stage.attempts);

create or replace temp table merged_attempts as
select * from core.attempts limit 0;

insert into merged_attempts by name
with turns as (

    select
        *,
        row_number() over (
            partition by attempt_id
            order by updated_at, is_staged, response_number, position
        ) as turn
    from attempt_candidates

)

select
    attempt_id,
    arg_max(
        columns(
            lambda name: name not in (
                'attempt_id', 'is_staged', 'response_number', 'position', 'turn', 'first_observed_at',
                'last_observed_at'
            )
        ),
        turn
    ),
    min(first_observed_at) as first_observed_at,
    max(last_observed_at) as last_observed_at
from turns
group by attempt_id;

create or replace temp table changed_attempts as
select attempt_id
from (
    select * exclude (last_observed_at) from merged_attempts
    except
    select * exclude (last_observed_at) from core.attempts where attempt_id in (select attempt_id from stage.attempts)
);

delete from core.attempts
where attempt_id in (select attempt_id from changed_attempts);

insert into core.attempts by name
select *
from merged_attempts
where attempt_id in (select attempt_id from changed_attempts)
order by created_at, attempt_id;

create or replace temp table newest_tags as
select
    s.run_id,
    list_sort(list_distinct(s.tags)) as tags
from (
    select *
    from stage.tags
    qualify row_number() over (partition by run_id order by updated_at desc, response_number desc, position desc) = 1
) as s
inner join merged_runs as m
    on m.run_id = s.run_id
    and m.updated_at = s.updated_at;

create or replace temp table changed_tags as
select n.*
from newest_tags as n
left join (
    select
        run_id,
        list_sort(list(tag)) as tags
    from core.run_tags
    where run_id in (select run_id from newest_tags)
    group by run_id
) as k
    on k.run_id = n.run_id
where n.tags is distinct from coalesce(k.tags, []);

delete from core.run_tags
where run_id in (select run_id from changed_tags);

insert into core.run_tags
select
    run_id,
    unnest(tags)
from changed_tags;
