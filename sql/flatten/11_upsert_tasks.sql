-- The tasks themselves, from `incoming` (11_find_versions.sql): what left their windows, what is known, what is announced.
create or replace temp table departed as
-- Runs of the previous window that are not in the new one: they were last seen when the task was.
select
    d.run_id,
    d.last_seen_at
from (
    select
        unnest(p.window_run_ids) as run_id,
        p.observed_until_at as last_seen_at,
        o.window_run_ids as now_shown
    from core.tasks as p
    inner join observed as o
        on o.task_id = p.task_id
    where o.is_changed
        and o.is_judged
        and p.observed_until_at is not null
) as d
where not list_contains(d.now_shown, d.run_id);

create or replace temp table merged_tasks as
select
    i.task_id,
    i.title,
    i.schedule,
    i.timezone,
    i.account_id,
    i.artist_account_id,
    coalesce(i.artist_name, p.artist_name) as artist_name,
    i.is_enabled,
    i.is_enabled_reported,
    i.schedule_id,
    i.model,
    i.owner_email_hash,
    i.owner_email,
    i.prompt_hash,
    i.prompt_length,
    i.prompt,
    coalesce(i.last_run_reported_at, p.last_run_reported_at) as last_run_reported_at,
    coalesce(i.next_run_reported_at, p.next_run_reported_at) as next_run_reported_at,
    coalesce(i.created_at, p.created_at) as created_at,
    coalesce(i.updated_at, p.updated_at) as updated_at,
    i.is_trigger_lookup_failed,
    coalesce(p.first_seen_at, o.observed_at) as first_seen_at,
    o.observed_at as last_seen_at,
    null::timestamptz as absent_since_at,
    null::timestamptz as deleted_at,
    case
        when not o.is_judged then p.observed_from_at
        -- The API shows seven days, so no answer is evidence of what was before.
        else coalesce(
            p.observed_from_at,
            -- (greatest passes over null, so an empty window must not come near it)
            case
                when o.window_oldest_run_at is not null
                    then greatest(o.window_oldest_run_at, o.observed_at - core.window_length())
            end,
            o.observed_at
        )
    end as observed_from_at,
    case when not o.is_judged then p.observed_until_at else o.observed_at end as observed_until_at,
    case
        when o.is_unknown then 'unknown'
        when o.is_damaged then 'rejected'
        else 'known'
    end as last_verdict,
    case
        when not o.is_unknown then null
        else coalesce(p.unknown_since_at, o.observed_at)
    end as unknown_since_at,
    getvariable('poll_id') as last_poll_id,
    case when not o.is_judged then p.window_schedule_id else o.schedule_id end as window_schedule_id,
    case when not o.is_judged then coalesce(p.window_run_count, 0) else o.run_count end as window_run_count,
    case when not o.is_judged then p.window_oldest_run_at else o.window_oldest_run_at end as window_oldest_run_at,
    case when not o.is_judged then p.window_newest_run_at else o.window_newest_run_at end as window_newest_run_at,
    case when not o.is_judged then coalesce(p.window_run_ids, []) else o.window_run_ids end as window_run_ids,
    i.task_hash as source_hash
from incoming as i
inner join observed as o
    on o.task_id = i.task_id
left join core.tasks as p
    on p.task_id = i.task_id;

delete from core.tasks where task_id in (select task_id from merged_tasks);

insert into core.tasks by name select * from merged_tasks;

delete from core.upcoming_ticks
where task_id in (
    select o.task_id
    from observed as o
    inner join incoming as i
        on i.task_id = o.task_id
    -- An empty list is an announcement only when there is no schedule; else the read behind it failed.
    where len(i.upcoming) > 0
        or o.schedule_id is null
);

insert into core.upcoming_ticks by name
select distinct
    i.task_id as task_id,
    tick.tick_at as tick_at,
    i.observed_at as announced_at
from incoming as i,
    unnest(i.upcoming) as tick (tick_at);
