-- How many attempts did the API count, and in how many runs?
-- Read by pipelines/console/summary.py.
select
    sum(attempt_count) as counted,
    count(attempt_count) as run_count
from marts.run_facts
