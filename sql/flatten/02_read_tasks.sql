-- One NDJSON line per changed task: {"n": response, "i": position, "o": observed at, "w": runs before quarantine, "h": hash,
-- "t": task}.
create or replace temp table batch as
select
    n as response_number,
    i as position,
    h as task_hash,
    o as observed_at,
    w as window_count,
    t
from read_json(
    getvariable('stage_file'),
    format = 'newline_delimited',
    maximum_object_size = getvariable('largest_line'),
    columns = {
        n: 'INTEGER', i: 'INTEGER', o: 'TIMESTAMPTZ', w: 'INTEGER', h: 'VARCHAR',
        t: 'STRUCT(
            id VARCHAR, title VARCHAR, prompt VARCHAR, schedule VARCHAR, account_id VARCHAR, artist_account_id VARCHAR,
            enabled BOOLEAN, trigger_schedule_id VARCHAR, model VARCHAR, last_run TIMESTAMPTZ, next_run TIMESTAMPTZ,
            created_at TIMESTAMPTZ, updated_at TIMESTAMPTZ, upcoming TIMESTAMPTZ[], timezone VARCHAR,
            owner_email VARCHAR, trigger_lookup_failed BOOLEAN, artist_name VARCHAR, recent_runs {run_struct}[]
        )'
    }
);

insert into stage.tasks
with texts as (

    select
        *,
        scrubbed_texts([t.title, t.schedule, t.timezone, t.artist_name, t.model]) as texts
    from batch

)

select
    response_number,
    position,
    task_hash,
    observed_at,
    t.id,
    texts[1],
    texts[2],
    texts[3],
    t.account_id,
    t.artist_account_id,
    texts[4],
    t.enabled,
    t.trigger_schedule_id,
    texts[5],
    keyed_hash(t.owner_email),
    case when is_kept('owner_email') then t.owner_email end,
    keyed_hash(t.prompt),
    length(t.prompt),
    case when is_kept('prompt') then t.prompt end,
    t.last_run,
    t.next_run,
    t.created_at,
    t.updated_at,
    t.trigger_lookup_failed,
    t.upcoming,
    coalesce(window_count, len(t.recent_runs), 0),
    list_transform(coalesce(t.recent_runs, []), lambda run: run.id),
    list_min(list_transform(t.recent_runs, lambda run: run.createdAt)),
    list_max(list_transform(t.recent_runs, lambda run: run.createdAt))
from texts;

-- A view: the rows are as wide as the answer, and kept a second time they would double what a batch takes.
create or replace temp view run_batch as
select
    response_number,
    position * 1000 + generate_subscripts(t.recent_runs, 1) as position,
    observed_at,
    t.id as task_id,
    t.trigger_schedule_id as schedule_id,
    'window' as found_by,
    unnest(t.recent_runs) as r
from batch;
