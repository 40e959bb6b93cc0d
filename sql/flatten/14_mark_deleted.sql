-- Only a full, unsuspicious poll may mark tasks deleted, and at most 10 of them and 10 % (one always may go).
-- Parameter: accept_deletions.
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
