-- severity: error
-- asset: core.task_versions
-- A failing row is a change after a time without any version. A hole is right only where a deleted task came back:
-- such a version names no changed columns.
select
    task_id,
    version_number,
    valid_from as valid_from_at
from (
    select
        task_id,
        version_number,
        valid_from,
        changed_columns,
        lag(valid_to) over (partition by task_id order by version_number) as previous_to
    from core.task_versions
)
where version_number > 1
    and len(changed_columns) > 0
    and valid_from is distinct from previous_to
