-- severity: error
-- asset: core.task_versions
-- A failing row is a version that begins before the previous one of its task has ended: a run would have two
-- configurations.
select
    task_id,
    version_number,
    valid_from as valid_from_at
from (
    select
        task_id,
        version_number,
        valid_from,
        lag(valid_from) over versions as previous_from,
        lag(coalesce(valid_to, 'infinity'::timestamptz)) over versions as previous_to
    from core.task_versions
    window versions as (partition by task_id order by version_number)
)
where valid_from < previous_to
    or valid_from <= previous_from
