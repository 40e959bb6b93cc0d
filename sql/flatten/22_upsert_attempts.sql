-- Attempts are upserted like runs, by their own id: when two runs claim one, it belongs to the one that said so last.
create or replace temp table known_attempts as
select * from core.attempts
where attempt_id in (select attempt_id from upserted_attempt_ids);

create or replace temp table merged_attempts as
select * from core.attempts limit 0;

insert into merged_attempts by name
with candidates as (

    select
        true as is_staged,
        *
    from stage.attempts
    where attempt_id in (select attempt_id from upserted_attempt_ids)

    union all by name

    select
        false as is_staged,
        0 as response_number,
        0 as position,
        *
    from known_attempts

),

turns as (

    select
        *,
        row_number() over (
            partition by attempt_id
            order by updated_at, is_staged, response_number, position
        ) as turn
    from candidates

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
    select * exclude (last_observed_at) from known_attempts
);

delete from core.attempts
where attempt_id in (select attempt_id from changed_attempts);

insert into core.attempts by name
select *
from merged_attempts
where attempt_id in (select attempt_id from changed_attempts);
