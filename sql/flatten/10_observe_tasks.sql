-- One row per task seen in this poll, changed or not, beside what was known before; then its coverage verdict.
create or replace temp table seen as
with candidates as (

    select
        response_number,
        position,
        observed_at,
        task_id,
        schedule_id,
        timezone,
        coalesce(is_enabled_reported, true) as is_enabled,
        is_trigger_lookup_failed,
        is_window_told,
        run_count,
        window_oldest_run_at,
        window_newest_run_at,
        window_run_ids,
        task_hash,
        true as is_changed
    from stage.tasks

    union all

    select
        u.response_number,
        u.position,
        u.observed_at,
        t.task_id,
        t.schedule_id,
        t.timezone,
        t.is_enabled,
        t.is_trigger_lookup_failed,
        true as is_window_told,
        t.window_run_count,
        t.window_oldest_run_at,
        t.window_newest_run_at,
        t.window_run_ids,
        t.source_hash,
        false
    from stage.unchanged as u
    inner join core.tasks as t
        on t.source_hash = u.task_hash

)

-- The same task twice in one poll (two scopes, or a duplicate in the body): the later one counts. A window function costs
-- a small poll more than all else in this statement.
select *
from candidates
where response_number * 4294967296 + position in (
    select max(response_number * 4294967296 + position)
    from candidates
    group by task_id
);

create or replace temp table observed as
with compared as (

    select
        s.*,
        p.task_id is null as is_new,
        p.observed_until_at as known_until_at,
        p.window_schedule_id as known_schedule_id,
        p.window_newest_run_at as known_newest_run_at,
        p.observed_from_at as known_from_at,
        -- An unchanged body repeats its verdict; only a changed one can newly be an outage.
        case
            when not s.is_changed then coalesce(p.last_verdict = 'unknown', false)
            when not s.is_window_told then true
            when s.is_trigger_lookup_failed then true
            when s.schedule_id is null or s.run_count > 0 then false
            -- The newest server says so itself when the list was answered; before it, only a zone proves that.
            when s.timezone is null and s.is_trigger_lookup_failed is null then true
            -- The list was answered, yet a run that must still be in it is gone.
            else coalesce(
                p.window_schedule_id = s.schedule_id
                and p.window_newest_run_at > s.observed_at - core.window_length() + interval 1 hour,
                false
            )
        end as is_unknown,
        -- The window held runs that could not be kept: it proves nothing about what else came and went.
        case
            when s.is_changed then s.run_count > len(s.window_run_ids)
            else coalesce(p.last_verdict = 'rejected', false)
        end as is_damaged,
        s.run_count >= core.window_size() as is_saturated
    from seen as s
    left join core.tasks as p
        on p.task_id = s.task_id

)

select
    *,
    not is_unknown and not is_damaged as is_judged,
    -- Runs come in order: up to the newest one seen nothing can follow. After it a run may still come late. Of what was
    -- before the first look nothing is known.
    greatest(
        known_newest_run_at,
        known_until_at - core.longest_lateness(),
        known_from_at - interval 1 microsecond
    ) as hole_from_at,
    case
        when is_unknown or is_damaged or known_until_at is null then null
        when (known_schedule_id is distinct from schedule_id) and known_schedule_id is not null
            then coalesce(window_oldest_run_at, observed_at)
        when schedule_id is null then null
        when is_saturated then window_oldest_run_at
        else observed_at - core.window_length()
    end as hole_to_at,
    known_until_at is not null and known_schedule_id is not null and (known_schedule_id is distinct from schedule_id)
        and not is_unknown and not is_damaged as is_schedule_replaced,
    is_saturated and window_oldest_run_at <= known_newest_run_at as is_overlapping
from compared;
