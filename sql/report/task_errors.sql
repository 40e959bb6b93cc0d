-- Which errors ended runs of each of these tasks in the last 30 days? Parameters: $tasks; $limit, errors of each.
-- Read by pipelines/report/queries.py.
select
    facts.task_id,
    runs.error_name,
    core.normalised_message(runs.error_message) as message,
    any_value(facts.status) as status,
    count(*) as run_count,
    max(facts.created_at) as last_seen_at
from marts.runs_in_force as facts
inner join core.runs as runs
    on runs.run_id = facts.run_id
cross join core.build_context as context
where facts.is_counted
    and facts.outcome = 'failed'
    and facts.created_at > context.as_of_at - interval 30 days
    and facts.task_id in (select unnest($tasks::varchar[]))
group by facts.task_id, runs.error_name, message
qualify row_number() over (partition by facts.task_id order by run_count desc, last_seen_at desc) <= $limit -- noqa: PRS
order by facts.task_id, run_count desc, last_seen_at desc
