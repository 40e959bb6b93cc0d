-- Tasks whose bytes have not changed: they were seen again, and that is all.
update core.tasks as t
set
    last_seen_at = o.observed_at,
    last_poll_id = getvariable('poll_id'),
    absent_since_at = null,
    observed_until_at = case when o.is_judged then o.observed_at else t.observed_until_at end
from observed as o
where o.task_id = t.task_id
    and not o.is_changed;
