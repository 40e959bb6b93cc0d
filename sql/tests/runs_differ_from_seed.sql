-- severity: error
-- asset: core.runs
-- A failing row is a run whose outcome is not what core.statuses makes of its status. After a change of the seed, run
-- `recoup-warehouse rebuild`.
select runs.run_id
from core.runs as runs
left join core.statuses as statuses
    on statuses.status = runs.status
where runs.outcome != coalesce(statuses.outcome, 'unknown')
    or runs.is_final != coalesce(statuses.is_final, false)
