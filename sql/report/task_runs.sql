-- Which runs did each of these tasks have last? Parameters: $tasks; $limit, runs of each. Read by pipelines/report/queries.py.
select
    facts.run_id,
    facts.task_id,
    facts.created_at,
    facts.status,
    facts.outcome,
    facts.is_test,
    facts.duration_ms,
    facts.total_cents,
    facts.attempt_count,
    runs.error_name,
    core.normalised_message(runs.error_message) as message
from marts.run_facts as facts
inner join core.runs as runs
    on runs.run_id = facts.run_id
cross join core.build_context as context
where facts.created_at > context.as_of_at - interval 90 days
    and facts.task_id in (select unnest($tasks::varchar[]))
qualify row_number() over (partition by facts.task_id order by facts.created_at desc, facts.run_id) <= $limit
order by facts.task_id, facts.created_at desc, facts.run_id
