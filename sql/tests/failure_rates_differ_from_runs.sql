-- severity: error
-- asset: marts.failure_rates_daily
-- A failing row is a task whose outcomes over all days that are looked at are not those of its runs in core.runs.
with counted as (

    select
        task_id,
        count(*) filter (outcome = 'succeeded') as succeeded_count,
        count(*) filter (outcome = 'failed') as failed_count,
        count(*) as outcome_count
    from core.runs
    where not coalesce(is_test, false)
        and coalesce(is_production, true)
        and core.is_checked(created_date)
    group by task_id

),

shown as (

    select
        task_id,
        sum(succeeded_count) as succeeded_count,
        sum(failed_count) as failed_count,
        sum(
            succeeded_count + failed_count + cancelled_count + expired_count + in_flight_count + unknown_count
        ) as outcome_count
    from marts.failure_rates_daily
    where core.is_checked(date)
    group by task_id

)

select
    coalesce(counted.task_id, shown.task_id) as task_id,
    counted.outcome_count as core_count,
    shown.outcome_count as mart_count
from counted
full join shown
    on shown.task_id is not distinct from counted.task_id
where coalesce(counted.succeeded_count, 0) != coalesce(shown.succeeded_count, 0)
    or coalesce(counted.failed_count, 0) != coalesce(shown.failed_count, 0)
    or coalesce(counted.outcome_count, 0) != coalesce(shown.outcome_count, 0)
