-- What was changed on each of these tasks, newest first? Parameter: $tasks. Read by pipelines/report/queries.py.
select *
from marts.task_changes
where task_id in (select unnest($tasks::varchar[]))
order by task_id, changed_at desc
