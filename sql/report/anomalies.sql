-- Which of the last 30 days stand out, newest first? Parameter: $limit. Read by pipelines/report/queries.py.
select *
from marts.anomalies
where is_anomaly
order by date desc, task_id is not null, failure_difference_low desc nulls last, task_id
limit $limit
