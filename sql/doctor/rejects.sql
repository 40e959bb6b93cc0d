-- How many rows of the last poll could not be read? Read by pipelines/cli/doctor/history.py.
select count(*)
from core.quarantine
where poll_id = (select max(poll_id) from core.polls)
