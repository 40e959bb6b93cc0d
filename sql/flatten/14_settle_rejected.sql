-- Runs that were seen and not kept count as missing until a whole window of their task is read: that one tells, by what
-- it overlaps and by cron, what came and went since the last one. A run that was loaded since is not missing either.
create or replace temp table settled_gaps as
select g.gap_id
from core.coverage_gaps as g
where g.cause = 'rejected'
    and g.is_provisional
    and (
        g.task_id in (select task_id from observed where is_judged or is_changed)
        or g.task_id in (select task_id from deletable)
    );

delete from core.missing_runs
where gap_id in (select gap_id from settled_gaps);

delete from core.coverage_gaps
where gap_id in (select gap_id from settled_gaps);
