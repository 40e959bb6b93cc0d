-- Of which zone are the dates of core.runs and core.missing_runs? None, until pipelines/transform/build.py wrote them.
create or replace macro core.dated_in() as null::varchar;
