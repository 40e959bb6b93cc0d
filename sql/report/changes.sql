-- What was changed on tasks, newest first, and did it matter? Parameter: $limit. Read by pipelines/report/queries.py.
select *
from marts.task_changes
order by changed_at desc, task_id
limit $limit
