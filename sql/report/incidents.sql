-- What is going wrong now, newest first? Parameter: $limit. Read by pipelines/report/queries.py.
select incident_id, kind, title, state, opened_at, cause, completeness
from core.incidents
where closed_at is null
order by opened_at desc, incident_id
limit $limit
