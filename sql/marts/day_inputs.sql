-- What do the days of tasks depend on? The tables that are built day by day (rebuilt_by in their .yml) read nothing
-- else, and are built again only for the local days on which something here came, went or changed since the last build
-- (sql/build/changed_days.sql).
-- Grain: one row per input. Key: kind, task_id, part. An input lasts from its first instant to its last.
-- Runs and missing runs stand here as digests of an hour each: the rows themselves are read for the days that differ.
with context as (

    select * from core.build_context

),

tasks as (

    -- Runs come in order and may come late: what was due after the newest one seen may still come for a while.
    select
        *,
        greatest(window_newest_run_at, observed_until_at - core.lateness_allowance()) as settled_until_at
    from core.tasks

),

missing_runs as (

    select
        task_id,
        tick_at,
        tick_date
    from core.missing_runs
    where recovered_run_id is null

),

known as (

    select
        task_id,
        min(created_at) as from_at,
        max(created_at) as until_at
    from core.runs
    where task_id is not null
    group by task_id

    union all

    select
        task_id,
        min(tick_at) as from_at,
        max(tick_at) as until_at
    from missing_runs
    group by task_id

    union all

    select
        tasks.task_id,
        coalesce(tasks.observed_from_at, tasks.first_seen_at) as from_at,
        coalesce(tasks.deleted_at, context.as_of_at) as until_at
    from tasks
    cross join context

),

run_hours as (

    -- All columns of core.runs that those tables read, and the id: without it two rows alike would cancel each other out.
    select
        epoch_us(created_at) // 3600000000 as hour,
        count(*) as row_count,
        bit_xor(hash(
            run_id, task_id, created_at, created_date, started_at, finished_at, duration_ms, outcome, is_final, is_test,
            is_production, found_by, compute_cents, invocation_cents, total_cents
        )) as digest
    from core.runs
    group by hour

),

missing_hours as (

    select
        epoch_us(tick_at) // 3600000000 as hour,
        count(*) as row_count,
        bit_xor(hash(task_id, tick_at, tick_date)) as digest
    from missing_runs
    group by hour

),

hours as (

    select 'runs' as kind, * from run_hours
    union all
    select 'missing' as kind, * from missing_hours

),

versions as (

    select
        *,
        -- Nothing is known of the time before the first observation, so the first version stands for it.
        case when version_number > 1 then valid_from end as in_force_from
    from core.task_versions

),

fleet as (

    select
        min(from_at) as from_at,
        max(until_at) as until_at
    from (
        select from_at, until_at from known
        union all
        select min(created_at), max(created_at) from core.runs
        union all
        select as_of_at as from_at, as_of_at as until_at from context
    ) as days

),

inputs as (

    -- The days that there are at all.
    select
        'fleet' as kind,
        null as task_id,
        '' as part,
        from_at,
        until_at
    from fleet

    union all by name

    -- The days that a task has.
    select
        'known' as kind,
        task_id,
        '' as part,
        min(from_at) as from_at,
        max(until_at) as until_at
    from known
    group by task_id

    union all by name

    -- Its days that lie whole inside what was observed.
    select
        'observed' as kind,
        task_id,
        '' as part,
        observed_from_at as from_at,
        observed_until_at as until_at
    from tasks
    where observed_from_at is not null
        and observed_until_at is not null

    union all by name

    -- Holes of a schedule that cannot be read: nobody knows how many runs they hold.
    select
        'uncountable' as kind,
        task_id,
        gap_id as part,
        from_at,
        to_at as until_at
    from core.coverage_gaps
    where runs_missing_count is null

    union all by name

    -- Ticks whose run may still come late.
    select
        'open' as kind,
        ticks.task_id,
        epoch_us(ticks.tick_at)::varchar as part,
        ticks.tick_at as from_at,
        ticks.tick_at as until_at
    from core.expected_ticks as ticks
    inner join tasks
        on tasks.task_id = ticks.task_id
        and ticks.tick_at > tasks.settled_until_at
        and ticks.tick_at <= tasks.observed_until_at
    where not ticks.is_future

    union all by name

    -- What was in force.
    select
        'version' as kind,
        task_id,
        version_number::varchar as part,
        in_force_from as from_at,
        lead(in_force_from) over (partition by task_id order by in_force_from nulls first, version_number) as until_at,
        model,
        account_id,
        artist_account_id
    from versions

    union all by name

    select
        kind,
        null as task_id,
        hour::varchar as part,
        make_timestamptz(hour * 3600000000) as from_at,
        make_timestamptz(hour * 3600000000 + 3599999999) as until_at,
        row_count,
        digest
    from hours

)

select
    kind,
    task_id,
    part,
    from_at,
    until_at,
    model,
    account_id,
    artist_account_id,
    row_count,
    digest::varchar as digest
from inputs
