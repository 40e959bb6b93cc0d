-- Tasks that a full, unsuspicious poll no longer shows. Parameter: polled_accounts (empty: the key's own account).
create or replace temp table absent as
with scope as (

    select distinct account_id
    from core.tasks
    where case
            when len(getvariable('polled_accounts')) > 0 then list_contains(getvariable('polled_accounts')::varchar[], account_id)
            else account_id in (select account_id from core.tasks where task_id in (select task_id from observed))
        end

)

select
    t.task_id,
    count(*) over () as absent_count
from core.tasks as t
where t.deleted_at is null
    and t.account_id in (select account_id from scope)
    and t.task_id not in (select task_id from observed)
    -- Every id that a body held was seen, whatever became of the rest.
    and t.task_id not in (select task_id from stage.rejects where task_id is not null);
