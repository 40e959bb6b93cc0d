-- An absent task ended at the first whole answer without it, however late that is believed. At most 10 tasks and 10 %
-- may go at once (one always may). Parameter: accept_deletions.
create or replace temp table deletable as
select a.task_id
from absent as a
where getvariable('accept_deletions')
    or a.absent_count <= least(10, greatest(1, (select count(*) // 10 from core.tasks where deleted_at is null)));

update core.tasks
set absent_since_at = getvariable('observed_at')
where task_id in (select task_id from lacking where absent_since_at is null);

update core.task_versions as v
set valid_to = t.absent_since_at
from core.tasks as t
where t.task_id = v.task_id
    and v.task_id in (select task_id from deletable)
    and v.is_current
    and v.valid_to is null;

update core.tasks
set deleted_at = absent_since_at
where task_id in (select task_id from deletable);
