-- How is each task? Tasks that are gone stay in the list, at its end. Read by pipelines/report/queries.py.
select *
from marts.task_health
order by deleted_at is not null, failure_ratio_low_30d desc nulls last, n_30d desc, task_id
