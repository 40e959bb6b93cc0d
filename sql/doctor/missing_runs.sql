-- How many runs were lost lately? Parameter: $since. Read by pipelines/cli/doctor/history.py.
select count(*)
from core.missing_runs
where recovered_run_id is null and tick_at > $since
