-- severity: error
-- asset: marts.spend_daily
-- A failing row is a task whose runs or cents over all days that are looked at are not exactly those of core.runs.
with spent as (

    select
        task_id,
        count(*) as run_count,
        coalesce(sum(total_cents), 0) as total_cents,
        coalesce(sum(total_cents) filter (outcome = 'failed'), 0) as wasted_cents
    from core.runs
    where core.is_checked(created_date)
    group by task_id

),

shown as (

    select
        task_id,
        sum(run_count) as run_count,
        coalesce(sum(total_cents), 0) as total_cents,
        coalesce(sum(wasted_cents), 0) as wasted_cents
    from marts.spend_daily
    where core.is_checked(date)
    group by task_id

)

select
    coalesce(spent.task_id, shown.task_id) as task_id,
    spent.total_cents as core_cents,
    shown.total_cents as mart_cents
from spent
full join shown
    on shown.task_id is not distinct from spent.task_id
where coalesce(spent.run_count, 0) != coalesce(shown.run_count, 0)
    or coalesce(spent.total_cents, 0) != coalesce(shown.total_cents, 0)
    or coalesce(spent.wasted_cents, 0) != coalesce(shown.wasted_cents, 0)
