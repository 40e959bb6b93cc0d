-- How many tasks are polled too rarely? One row. Read by pipelines/report/queries.py.
select count(*) as task_count, count(*) filter (is_polled_too_rarely) as too_rarely_count
from marts.poll_advice
