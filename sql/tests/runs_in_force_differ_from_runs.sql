-- severity: error
-- asset: marts.runs_in_force
-- A failing row is a run that runs_in_force lacks, has twice, or shows at another cost than core.runs.
select
    coalesce(runs.run_id, facts.run_id) as run_id
from (select run_id, total_cents from core.runs where core.is_checked(created_date)) as runs
full join (
    select
        run_id,
        count(*) as row_count,
        min(total_cents) as total_cents
    from marts.runs_in_force
    where core.is_checked(date)
    group by run_id
) as facts
    on facts.run_id = runs.run_id
where runs.run_id is null
    or facts.run_id is null
    or facts.row_count != 1
    or facts.total_cents is distinct from runs.total_cents
