-- Attempts, as 20_insert_new_runs.sql does runs: new ones that are met once go in as they are, the others are left to
-- 22_upsert_attempts.sql.
create or replace temp table upserted_attempt_ids as
select attempt_id
from stage.attempts
where run_id in (select run_id from upserted_ids)
union
select attempt_id
from stage.attempts
where attempt_id in (select attempt_id from core.attempts)
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
