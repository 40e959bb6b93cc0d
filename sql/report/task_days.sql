-- How were the last days of each of these tasks? Parameters: $tasks; $days. Read by pipelines/report/queries.py.
select
    date,
    task_id,
    sum(succeeded_count)::bigint as succeeded_count,
    sum(failed_count)::bigint as failed_count,
    sum(run_count)::bigint as run_count,
    core.sum_known_cents(total_cents) as total_cents,
    sum(runs_missing_count)::bigint as runs_missing_count,
    any_value(coverage_status) as coverage_status
from marts.task_days
where date > (select max(date) from marts.fleet_daily) - $days::integer
    and task_id in (select unnest($tasks::varchar[]))
group by date, task_id
order by task_id, date desc
