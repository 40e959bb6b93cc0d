-- Attempts are upserted like runs, by their own id: when two runs claim one, it belongs to the one that said so last.
create or replace temp table merged_attempts as
select * from core.attempts limit 0;

insert into merged_attempts by name
with candidates as (

    select *
    from stage.attempts
    where attempt_id in (select attempt_id from upserted_attempt_ids)

    union all by name

    select
        0 as response_number,
        0 as position,
        *
    from known_attempts

),

turns as (

    select
        *,
        turn(updated_at, response_number, position) as turn
    from candidates

)

select
    attempt_id,
    arg_max(
        columns(
            * exclude (attempt_id, response_number, position, turn, first_observed_at, last_observed_at)
        ),
        turn
    ),
    min(first_observed_at) as first_observed_at,
    max(last_observed_at) as last_observed_at
from turns
group by attempt_id;

create or replace temp table changed_attempts as
select m.attempt_id
from (select * exclude (last_observed_at) from merged_attempts) as m
left join (select * exclude (last_observed_at) from known_attempts) as k
    on k.attempt_id = m.attempt_id
where m is distinct from k;

delete from core.attempts
where attempt_id in (select attempt_id from changed_attempts);

insert into core.attempts by name
select *
from merged_attempts
where attempt_id in (select attempt_id from changed_attempts);
