-- Stretches of time in which runs of a task may have come and gone unseen, and the configurations in force inside them.
-- Python counts the cron ticks of each stretch (load/coverage_gaps.py); this says where, why and by which schedule.
--
-- Whatever was in force at some time since the last good look may have been so from its first instant to its last:
-- nobody saw the change. So each configuration counts for the whole hole, except that one which had ended before the
-- hole did ends there; where they differ, the count is an upper bound. A disabled task expects nothing. With a deleted
-- task its schedule is gone, and what ran since the last look can be seen no more. A task that comes back with the same
-- schedule was never gone. A hole begins where the one before it ended: no tick is counted twice.
--
-- A hole begins at the newest run that the last good look saw, since runs come in order and may come late. Of the ticks
-- that had waited for longer than the allowance at that look, at most one can still have got a run: the others are
-- skipped. The first of them stands for it: where the newest run seen was late itself, it may have been a later one.
create or replace temp table holes as
with found as (

    select
        task_id,
        hole_from_at as from_at,
        hole_to_at as to_at,
        observed_at,
        known_until_at,
        is_schedule_replaced,
        is_saturated
    from observed

    union all

    select
        t.task_id,
        greatest(
            t.window_newest_run_at,
            t.observed_until_at - core.longest_lateness(),
            t.observed_from_at - interval 1 microsecond
        ) as from_at,
        t.deleted_at as to_at,
        t.deleted_at as observed_at,
        t.observed_until_at as known_until_at,
        true as is_schedule_replaced,
        false as is_saturated
    from core.tasks as t
    inner join deletable as d
        on d.task_id = t.task_id
    where t.window_schedule_id is not null
        and t.observed_until_at is not null

),

followed as (

    select
        f.* replace (greatest(f.from_at, g.last_to_at - interval 1 microsecond) as from_at),
        t.account_id
    from found as f
    inner join core.tasks as t
        on t.task_id = f.task_id
    left join (
        select
            task_id,
            max(to_at) as last_to_at
        from core.coverage_gaps
        group by task_id
    ) as g
        on g.task_id = f.task_id
    where f.to_at > f.from_at

),

judged as (

    select
        *,
        exists (
            select 1
            from core.polls as p
            where p.started_at > followed.known_until_at
                and p.started_at < followed.observed_at
                and (
                    p.status = 'failed'
                    or list_contains(p.unanswered_account_ids, followed.account_id)
                    -- The key's own account has no id to be named by.
                    or p.unanswered_account_count > len(p.unanswered_account_ids)
                )
        ) or exists (
            select 1
            from core.task_observations as s
            where s.task_id = followed.task_id
                and s.observed_at > followed.known_until_at
                and s.verdict = 'unknown'
        ) as has_outage,
        exists(
            select 1
            from core.task_observations as s
            where s.task_id = followed.task_id
                and s.observed_at > followed.known_until_at
                and s.verdict = 'rejected'
        ) as has_rejects
    from followed
    where to_at > from_at

)

select
    task_id,
    from_at,
    to_at,
    observed_at,
    known_until_at,
    -- The first that applies. A hole longer than a nightly's rhythm without any poll in it means that nobody polled.
    case
        when is_schedule_replaced then 'schedule_replaced'
        when has_rejects then 'rejected'
        when has_outage then 'source_outage'
        when not is_saturated then 'seven_day_cut'
        when observed_at - known_until_at > interval 26 hours then 'not_polled'
        else 'window_overflow'
    end as cause
from judged;

create or replace temp table hole_stretches as
with versions as (

    select
        *,
        case
            when lead(schedule_id) over by_number = schedule_id then lead(valid_from) over by_number
            else valid_to
        end as in_force_until
    from core.task_versions
    where task_id in (select task_id from holes)
    window by_number as (partition by task_id order by version_number)

)

select
    h.task_id,
    v.version_number,
    v.schedule,
    coalesce(v.timezone, 'UTC') as timezone,
    -- A configuration that the last look did not show yet was not in force before it.
    case
        when v.valid_from > h.known_until_at then greatest(h.from_at, h.known_until_at - core.list_lag())
        else h.from_at
    end as after_at,
    least(v.in_force_until, h.to_at) as until_at,
    h.known_until_at - core.lateness_allowance() as waited_until_at
from holes as h
left join versions as v
    on v.task_id = h.task_id
    and v.is_enabled
    and v.schedule_id is not null
    and v.schedule is not null
    and v.valid_from <= h.observed_at
    and coalesce(v.in_force_until > h.from_at, true);
