-- Writes when the inputs of the daily marts differ from those of the last build (temp table inputs_before). Where an input
-- began or ended at another time, its days between the two; where it came, went or changed otherwise, all its days.
-- A run stands on the day of its creation and takes the version in force at its start, which may be another day.
-- Run by pipelines/transform/build_days.py.
create or replace temp table changed_inputs as
with pairs as (

    select
        coalesce(now.kind, before.kind) as kind,
        coalesce(now.task_id, before.task_id) as task_id,
        now.kind is not null and before.kind is not null
        and now.model is not distinct from before.model
        and now.account_id is not distinct from before.account_id
        and now.artist_account_id is not distinct from before.artist_account_id
        and now.row_count is not distinct from before.row_count
        and now.digest is not distinct from before.digest as is_same,
        before.kind is not null as was_there,
        now.kind is not null as is_there,
        coalesce(before.from_at, '-infinity'::timestamptz) as before_from_at,
        coalesce(before.until_at, 'infinity'::timestamptz) as before_until_at,
        coalesce(now.from_at, '-infinity'::timestamptz) as from_at,
        coalesce(now.until_at, 'infinity'::timestamptz) as until_at
    from marts.day_inputs as now
    full join inputs_before as before
        on before.kind = now.kind
        and before.task_id is not distinct from now.task_id
        and before.part = now.part

),

spans as (

    select kind, task_id, least(before_from_at, from_at) as from_at, greatest(before_from_at, from_at) as until_at
    from pairs
    where is_same and before_from_at != from_at

    union all

    select kind, task_id, least(before_until_at, until_at), greatest(before_until_at, until_at)
    from pairs
    where is_same and before_until_at != until_at

    union all

    select kind, task_id, before_from_at, before_until_at from pairs where not is_same and was_there

    union all

    select kind, task_id, from_at, until_at from pairs where not is_same and is_there

)

select distinct * from spans;

insert into changed_inputs by name
select distinct
    'version' as kind,
    runs.task_id,
    runs.created_at as from_at,
    runs.created_at as until_at
from core.runs as runs
inner join changed_inputs as changed
    on changed.kind = 'version'
    and changed.task_id = runs.task_id
    and coalesce(runs.started_at, runs.created_at) between changed.from_at and changed.until_at
where not runs.created_at between changed.from_at and changed.until_at
