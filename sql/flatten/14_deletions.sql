-- Only a full, unsuspicious poll may mark tasks deleted, and at most 10 of them and 10 % (one always may go).
-- Parameters: may_delete, accept_deletions, polled_accounts (empty: the key's own account).
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
where getvariable('may_delete')
    and t.deleted_at is null
    and t.account_id in (select account_id from scope)
    and t.task_id not in (select task_id from observed);

create or replace temp table deletable as
select a.task_id
from absent as a
where getvariable('accept_deletions')
    or a.absent_count <= least(10, greatest(1, (select count(*) // 10 from core.tasks where deleted_at is null)));

update core.task_versions
set
    valid_to = getvariable('observed_at')
where task_id in (select task_id from deletable)
    and is_current
    and valid_to is null;

update core.tasks
set deleted_at = getvariable('observed_at')
where task_id in (select task_id from deletable);
