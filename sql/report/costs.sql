-- What does one success cost, most waste first? Parameters: $days, a window of the marts; $limit.
-- Read by pipelines/report/queries.py.
select *
from marts.cost_per_success
where window_days = $days
    and run_count > 0
order by wasted_cents desc nulls last, total_cents desc nulls last, task_id
limit $limit
