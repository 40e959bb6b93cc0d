-- Ids of the attached copy `published` that are not in the file of one account: accounts, artists, tasks, runs, schedules.
-- Read by pipelines/publish/account_copy.py.
create or replace temp table foreign_ids as
with others as (

    select unnest([account_id, artist_account_id, task_id, schedule_id]) as id
    from published.core.tasks
    union
    select unnest([account_id, artist_account_id, schedule_id]) as id
    from published.core.task_versions
    union
    select unnest([run_id, schedule_id]) as id
    from published.core.runs
    union
    select run_id as id
    from published.core.listed_runs
    union
    select account_id as id
    from published.core.accounts

),

own as (

    select unnest([account_id, artist_account_id, task_id, schedule_id]) as id
    from core.tasks
    union
    select unnest([artist_account_id, schedule_id]) as id
    from core.task_versions
    union
    select unnest([run_id, schedule_id]) as id
    from core.runs

)

select id
from others
where id is not null
except
select id
from own;
