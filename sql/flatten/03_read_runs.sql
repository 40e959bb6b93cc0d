-- One NDJSON line per run of /api/tasks/runs: {"n": response, "i": position, "o": observed at, "k": kind,
-- "r": run}. Rows of the listing carry no task:
-- payload.externalId names it (it survives the deletion of the schedule), then schedule.externalId.
create or replace temp table asked_batch as
select
    n as response_number,
    i as position,
    o as observed_at,
    coalesce(
        case when json_type(r.payload) = 'OBJECT' then json_extract_string(r.payload, '$.externalId') end,
        r.schedule.externalId
    ) as task_id,
    case when json_type(r.payload) = 'OBJECT' then json_extract_string(r.payload, '$.scheduleId') end as schedule_id,
    case when k = 'run' then 'retrieve' else 'listing' end as found_by,
    r
from read_json(
    getvariable('stage_file'),
    format = 'newline_delimited',
    maximum_object_size = getvariable('largest_line'),
    columns = {n: 'INTEGER', i: 'INTEGER', o: 'TIMESTAMPTZ', c: 'INTEGER', k: 'VARCHAR', r: '{run_type}'}
)
-- The listing mixes all kinds of runs of the account; only those of the kind that windows show are scheduled tasks.
where k = 'run'
    or r.taskIdentifier in (
        select task_identifier from core.runs where found_by = 'window'
        union
        select task_identifier from stage.runs where found_by = 'window'
    );

create or replace temp view run_batch as
select * from asked_batch;
