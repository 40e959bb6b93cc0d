-- severity: error
-- asset: core.day_builds
-- A failing row is a full build that found days other than they stood there, built where something had changed. The marts
-- hold the rows of the full build; what was published before was wrong on those days.
select
    full_built_at,
    differing_day_count
from core.day_builds
where differing_day_count > 0
