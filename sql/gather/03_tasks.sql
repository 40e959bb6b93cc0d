-- A task is one task by its id: the shard that saw it last says what it is. That it is gone from the account of another
-- shard is a move, and no deletion; nor is a shard's silence.
create or replace temp table moved_tasks as
select task_id
from told_tasks
group by task_id
having count(*) > 1;

delete from core.tasks;

insert into core.tasks by name
select * exclude (shard)
from told_tasks
anti join moved_tasks using (task_id)

union all by name

select
    last_one.* exclude (shard) replace (
        coalesce(last_one.timezone, known.timezone) as timezone,
        coalesce(last_one.owner_email_hash, known.owner_email_hash) as owner_email_hash,
        coalesce(last_one.owner_email, known.owner_email) as owner_email,
        coalesce(last_one.artist_name, known.artist_name) as artist_name,
        coalesce(last_one.last_run_reported_at, known.last_run_reported_at) as last_run_reported_at,
        coalesce(last_one.next_run_reported_at, known.next_run_reported_at) as next_run_reported_at,
        coalesce(last_one.created_at, known.created_at) as created_at,
        coalesce(last_one.updated_at, known.updated_at) as updated_at,
        known.first_seen_at as first_seen_at,
        known.observed_from_at as observed_from_at,
        known.observed_until_at as observed_until_at,
        known.last_look.window_schedule_id as window_schedule_id,
        coalesce(known.last_look.window_run_count, 0) as window_run_count,
        known.last_look.window_oldest_run_at as window_oldest_run_at,
        known.last_look.window_newest_run_at as window_newest_run_at,
        coalesce(known.last_look.window_run_ids, []) as window_run_ids
    )
from told_tasks as last_one
inner join (
    select
        task_id,
        arg_max(shard, (last_seen_at, last_poll_id)) as shard,
        arg_max(timezone, last_seen_at) as timezone,
        arg_max(owner_email_hash, last_seen_at) as owner_email_hash,
        arg_max(owner_email, last_seen_at) as owner_email,
        arg_max(artist_name, last_seen_at) as artist_name,
        arg_max(last_run_reported_at, last_seen_at) as last_run_reported_at,
        arg_max(next_run_reported_at, last_seen_at) as next_run_reported_at,
        arg_max(created_at, last_seen_at) as created_at,
        arg_max(updated_at, last_seen_at) as updated_at,
        min(first_seen_at) as first_seen_at,
        min(observed_from_at) as observed_from_at,
        max(observed_until_at) as observed_until_at,
        arg_max(
            {
                'window_schedule_id': window_schedule_id,
                'window_run_count': window_run_count,
                'window_oldest_run_at': window_oldest_run_at,
                'window_newest_run_at': window_newest_run_at,
                'window_run_ids': window_run_ids
            },
            observed_until_at
        ) as last_look
    from told_tasks
    semi join moved_tasks using (task_id)
    group by task_id
) as known
    on known.task_id = last_one.task_id
    and known.shard = last_one.shard;

delete from core.upcoming_ticks;

insert into core.upcoming_ticks by name
select ticks.* exclude (shard)
from told_upcoming_ticks as ticks
left join (
    select
        task_id,
        arg_max(shard, (last_seen_at, last_poll_id)) as shard
    from told_tasks
    semi join moved_tasks using (task_id)
    group by task_id
) as last_one
    on last_one.task_id = ticks.task_id
where coalesce(last_one.shard = ticks.shard, true);
