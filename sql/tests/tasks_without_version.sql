-- severity: error
-- asset: core.tasks
-- A failing row is a task without any version, or one that exists while its newest version has ended (or the reverse).
select
    tasks.task_id,
    tasks.deleted_at
from core.tasks as tasks
left join core.task_versions as versions
    on versions.task_id = tasks.task_id
    and versions.is_current
where versions.task_id is null
    or (tasks.deleted_at is null) != (versions.valid_to is null)
