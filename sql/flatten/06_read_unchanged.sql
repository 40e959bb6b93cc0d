-- One NDJSON line per task whose bytes are known: {"n": response, "i": position, "o": observed at, "h": hash}.
insert into stage.unchanged by name
select
    n as response_number,
    i as position,
    h as task_hash,
    o as observed_at
from read_json(
    getvariable('stage_file'),
    format = 'newline_delimited',
    columns = {n: 'INTEGER', i: 'INTEGER', o: 'TIMESTAMPTZ', h: 'VARCHAR'}
);
