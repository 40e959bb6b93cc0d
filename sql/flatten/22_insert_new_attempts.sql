-- Attempts, as 20_insert_new_runs.sql does runs: new ones that are met once go in as they are, the others are left to
-- 22_upsert_attempts.sql. Their ids tell no time, so all ids are looked at: only for the places of those that are known,
-- as whole rows beside them would all be read.
create or replace temp table known_places as
select rowid as place
from core.attempts
where attempt_id in (select attempt_id from stage.attempts);

create or replace temp table known_attempts as
select * from core.attempts
where rowid in (select place from known_places);

create or replace temp table upserted_attempt_ids as
select attempt_id
from stage.attempts
where run_id in (select run_id from upserted_ids)
union
select attempt_id
from known_attempts
union
select attempt_id
from stage.attempts
group by attempt_id
having count(*) > 1;

insert into core.attempts by name
select * exclude (response_number, position)
from stage.attempts
where attempt_id not in (select attempt_id from upserted_attempt_ids)
    and run_id not in (select run_id from unattributed);
