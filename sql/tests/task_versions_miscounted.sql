-- severity: error
-- asset: core.task_versions
-- A failing row is a task whose versions are not numbered 1, 2, 3 and so on, or of which not exactly the newest is current.
select
    task_id,
    count(*) as version_count
from core.task_versions
group by task_id
having min(version_number) != 1
    or max(version_number) != count(*)
    or count(*) filter (is_current) != 1
    or max(version_number) filter (is_current) != max(version_number)
