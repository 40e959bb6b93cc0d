-- How is each task? What needs somebody stands first; tasks that are gone stay in the list, at its end.
-- Read by pipelines/report/queries.py.
select *
from marts.task_health
order by
    list_position(['failing', 'silent', 'flaky', 'cannot_tell', 'ok', 'off', 'deleted'], state),
    failure_ratio_low_30d desc nulls last,
    n_30d desc,
    task_id
