-- Did each task run when its schedule said so?
-- Grain: one row per task and past cron tick. Key: task_id, tick_at. Disabled periods expect nothing.
-- On time: its run (marts.tick_runs) started within two minutes. Missed: no run, where one would have been seen by now.
-- Unobservable: nobody can tell; unobservable_reason says why.
with context as (

    select * from core.build_context

),

ticks as (

    select
        task_id,
        tick_at,
        version_number
    from core.expected_ticks
    where not is_future

),

zoneless_versions as (

    -- Without a zone UTC stands in; that is not to be believed before a run has come at a tick of it.
    select
        task_id,
        version_number
    from core.task_versions
    where timezone is null
    except
    select
        ticks.task_id,
        ticks.version_number
    from ticks
    inner join marts.tick_runs as tick_runs
        on tick_runs.task_id = ticks.task_id
        and tick_runs.tick_at = ticks.tick_at

),

changes as (

    -- A change is known from the poll that first saw it; it happened at some time since the look before, so which
    -- schedule was in force between the two is not known. Of the time before the first look nothing is.
    select
        versions.task_id,
        versions.valid_from as seen_at,
        coalesce(looks.observed_at, '-infinity'::timestamptz) as not_before_at
    from core.task_versions as versions
    asof left join (
        select task_id, observed_at
        from core.task_observations
        where verdict not in ('unknown', 'rejected')
    ) as looks
        on looks.task_id = versions.task_id
        and looks.observed_at < versions.valid_from
    where len(versions.changed_columns) = 0
        or list_has_any(versions.changed_columns, ['schedule', 'timezone', 'schedule_id', 'is_enabled'])

),

holes as (

    select
        task_id,
        from_at,
        max(to_at) over (partition by task_id order by from_at) as until_at
    from core.coverage_gaps

),

rejects as (

    -- A run that could not be read was there, at some time in the seven days that a window shows.
    select
        quarantine.task_id,
        polls.started_at - core.window_length() as from_at,
        max(polls.started_at) over (partition by quarantine.task_id order by polls.started_at) as until_at
    from core.quarantine as quarantine
    inner join core.polls as polls
        on polls.poll_id = quarantine.poll_id
    where quarantine.level = 'run'
        and quarantine.task_id is not null
        and not exists (select 1 from core.runs as runs where runs.run_id = quarantine.run_id)

),

settled as (

    -- A run may come late, but not after one of a later tick. What lies after the newest run seen is open for a while.
    select
        tasks.task_id,
        greatest(
            tasks.window_newest_run_at,
            tasks.observed_until_at - to_seconds(lateness.lateness_allowance_seconds::double)
        ) as settled_until_at
    from core.tasks as tasks
    cross join marts.run_lateness as lateness
    where tasks.observed_until_at is not null

),

blind_ticks as (

    select
        ticks.task_id,
        ticks.tick_at,
        case
            when holes.until_at > ticks.tick_at then 'hole'
            when changes.not_before_at < ticks.tick_at then 'configuration_uncertain'
            when zoneless_versions.task_id is not null then 'configuration_uncertain'
            when rejects.until_at >= ticks.tick_at then 'unreadable_run'
            when coalesce(ticks.tick_at > settled.settled_until_at, true) then 'not_observed'
        end as reason
    from ticks
    anti join marts.tick_runs as tick_runs
        on tick_runs.task_id = ticks.task_id
        and tick_runs.tick_at = ticks.tick_at
    left join settled
        on settled.task_id = ticks.task_id
    left join zoneless_versions
        on zoneless_versions.task_id = ticks.task_id
        and zoneless_versions.version_number = ticks.version_number
    asof left join holes
        on holes.task_id = ticks.task_id
        and holes.from_at < ticks.tick_at
    asof left join changes
        on changes.task_id = ticks.task_id
        and changes.seen_at >= ticks.tick_at
    asof left join rejects
        on rejects.task_id = ticks.task_id
        and rejects.from_at <= ticks.tick_at

)

select
    ticks.task_id,
    tasks.title,
    ticks.tick_at,
    (ticks.tick_at at time zone context.reporting_timezone)::date as date,
    ticks.version_number,
    case
        when runs.run_id is null and blind_ticks.reason is not null then 'unobservable'
        when runs.run_id is null then 'missed'
        when runs.started_at <= ticks.tick_at + core.on_time_within() then 'on_time'
        when runs.started_at is not null or runs.is_final then 'late'
        when runs.last_observed_at > ticks.tick_at + core.on_time_within() then 'late'
        else 'unobservable'
    end as status,
    case
        when runs.run_id is null then blind_ticks.reason
        when runs.started_at is null
            and not runs.is_final
            and runs.last_observed_at <= ticks.tick_at + core.on_time_within()
            then 'not_observed'
    end as unobservable_reason,
    case
        when runs.started_at is not null then greatest(epoch(runs.started_at) - epoch(ticks.tick_at), 0)::decimal(18, 3)
    end as lateness_seconds,
    runs.run_id,
    runs.outcome
from ticks
left join marts.tick_runs as tick_runs
    on tick_runs.task_id = ticks.task_id
    and tick_runs.tick_at = ticks.tick_at
left join core.runs as runs
    on runs.run_id = tick_runs.run_id
left join blind_ticks
    on blind_ticks.task_id = ticks.task_id
    and blind_ticks.tick_at = ticks.tick_at
left join core.tasks as tasks
    on tasks.task_id = ticks.task_id
cross join context
