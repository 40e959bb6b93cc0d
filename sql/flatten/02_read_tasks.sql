-- One NDJSON line per changed task: {"n": response, "i": position, "o": observed at, "h": hash,
-- "w": how many runs the window held, "u": fields that were not told, "t": task}.
create or replace temp table batch as
select
    n as response_number,
    i as position,
    h as task_hash,
    o as observed_at,
    w as window_count,
    u as untold,
    t
from read_json(
    getvariable('stage_file'),
    format = 'newline_delimited',
    maximum_object_size = getvariable('largest_line'),
    columns = {
        n: 'INTEGER', i: 'INTEGER', o: 'TIMESTAMPTZ', c: 'INTEGER', h: 'VARCHAR', w: 'INTEGER', u: 'VARCHAR[]',
        t: '{task_type}'
    }
);

insert into stage.tasks by name
with scrubbed as (

    select
        *,
        scrubbed_texts([t.title, t.schedule, t.timezone, t.artist_name, t.model]) as texts
    from batch

),

named as (

    select
        * exclude (texts),
        {
            title: texts[1],
            schedule: texts[2],
            timezone: texts[3],
            artist_name: texts[4],
            model: texts[5]
        } as texts
    from scrubbed

)

select
    response_number,
    position,
    task_hash,
    observed_at,
    t.id as task_id,
    texts.title as title,
    texts.schedule as schedule,
    texts.timezone as timezone,
    t.account_id as account_id,
    t.artist_account_id as artist_account_id,
    texts.artist_name as artist_name,
    t.enabled as is_enabled_reported,
    t.trigger_schedule_id as schedule_id,
    texts.model as model,
    keyed_hash(t.owner_email) as owner_email_hash,
    case when is_kept('owner_email') then t.owner_email end as owner_email,
    keyed_hash(t.prompt) as prompt_hash,
    length(t.prompt) as prompt_length,
    case when is_kept('prompt') then t.prompt end as prompt,
    any_instant(t.last_run) as last_run_reported_at,
    any_instant(t.next_run) as next_run_reported_at,
    any_instant(t.created_at) as created_at,
    any_instant(t.updated_at) as updated_at,
    t.trigger_lookup_failed as is_trigger_lookup_failed,
    list_transform(t.upcoming, lambda tick: any_instant(tick)) as upcoming,
    t.recent_runs is not null as is_window_told,
    coalesce(window_count, len(t.recent_runs), 0) as run_count,
    list_transform(coalesce(t.recent_runs, []), lambda run: run.id) as window_run_ids,
    list_min(list_transform(t.recent_runs, lambda run: run.createdAt)) as window_oldest_run_at,
    list_max(list_transform(t.recent_runs, lambda run: run.createdAt)) as window_newest_run_at,
    untold
from named;

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
