-- What changed each number of restated_days, run by run and tick by tick: what core tells now, and what it told in the
-- attached copy `published`. What the marts make of it otherwise is told of the number as a whole.
-- Run by pipelines/restatements/compare.py.
create or replace temp table explained as
with before as (

    select *
    from published.core.publishes
    order by publish_number desc
    limit 1

),

publish as (

    select *
    from core.publishes
    order by publish_number desc
    limit 1

),

polls_then as (

    select poll_id from published.core.polls where status in ('succeeded', 'partial', 'suspect')

),

polls_now as (

    select poll_id from core.polls where status in ('succeeded', 'partial', 'suspect')

),

between_them as (

    -- `otherwise` is the cause of what no answer of the API told: the same answers were read in another way.
    select
        publish.reporting_timezone != before.reporting_timezone as has_other_zone,
        exists (from polls_now anti join polls_then using (poll_id)) as has_new_polls,
        case
            when publish.program != before.program then 'product_version'
            when publish.sql_digest != before.sql_digest then 'edited_sql'
            else 'unexplained'
        end as otherwise,
        case when exists (from polls_then anti join polls_now using (poll_id)) then 'lost_poll' else otherwise end as reread
    from publish
    cross join before

),

days as (

    select distinct
        date,
        task_id
    from restated_days

),

run_ids as (

    select runs.run_id
    from published.core.runs as runs
    semi join days
        on days.date = runs.created_date
        and days.task_id is not distinct from runs.task_id
    union
    select runs.run_id
    from core.runs as runs
    semi join days
        on days.date = runs.created_date
        and days.task_id is not distinct from runs.task_id

),

runs_then as (

    select
        *,
        created_date as date,
        outcome = 'failed' and coalesce(is_production, true) and not coalesce(is_test, false) as is_failed_counted
    from published.core.runs
    where run_id in (select run_id from run_ids)

),

runs_now as (

    select
        *,
        created_date as date,
        outcome = 'failed' and coalesce(is_production, true) and not coalesce(is_test, false) as is_failed_counted
    from core.runs
    where run_id in (select run_id from run_ids)

),

runs as (

    select
        earlier.run_id is not null as was_there,
        now.run_id is not null as is_there,
        earlier.date as date_then,
        earlier.task_id as task_then,
        now.date as date_now,
        now.task_id as task_now,
        is_there and was_there and (date_then, task_then) is distinct from (date_now, task_now) as has_moved,
        {'failed': earlier.is_failed_counted::integer, 'cents': coalesce(earlier.total_cents, 0)} as value_then,
        {'failed': now.is_failed_counted::integer, 'cents': coalesce(now.total_cents, 0)} as value_now,
        case
            when (now.status, now.updated_at, now.details_observed_at)
                is not distinct from (earlier.status, earlier.updated_at, earlier.details_observed_at)
                and (earlier.is_final or now.last_observed_at = earlier.last_observed_at) then reread
            when now.details_observed_at is distinct from earlier.details_observed_at
                and (now.outcome, now.is_final) = (earlier.outcome, earlier.is_final) then 'fetched_detail'
            else 'late_status'
        end as cause_of_value,
        case
            when now.task_id is distinct from earlier.task_id and has_new_polls then 'moved_task'
            when now.created_at != earlier.created_at and has_new_polls then 'late_status'
            when has_other_zone then 'zone_setting'
            else reread
        end as cause_of_move,
        case
            when earlier.run_id is not null then reread
            when now.run_id in (select run_id from published.core.listed_runs) then 'recovered_run'
            when now.first_poll_id in (select poll_id from polls_then) then reread
            when now.found_by = 'window' then 'late_run'
            else 'recovered_run'
        end as cause_of_coming
    from runs_then as earlier
    full join runs_now as now
        on now.run_id = earlier.run_id
    cross join between_them

),

-- A run that moved changed first, and then went to its new day with what it is now.
run_changes as (

    select
        date_then as date,
        task_then as task_id,
        cause_of_value as cause,
        0 as runs,
        value_now.failed - value_then.failed as failed,
        value_now.cents - value_then.cents as cents
    from runs
    where was_there
        and is_there

    union all

    select date_then, task_then, cause_of_move, -1, -value_now.failed, -value_now.cents from runs where has_moved

    union all

    select date_now, task_now, cause_of_move, 1, value_now.failed, value_now.cents from runs where has_moved

    union all

    select date_then, task_then, cause_of_coming, -1, -value_then.failed, -value_then.cents from runs where not is_there

    union all

    select date_now, task_now, cause_of_coming, 1, value_now.failed, value_now.cents from runs where not was_there

),

ticks_then as (

    select
        ticks.task_id,
        ticks.tick_at,
        ticks.tick_date as date,
        ticks.recovered_run_id is null as is_missing
    from published.core.missing_runs as ticks

),

ticks_now as (

    select
        ticks.task_id,
        ticks.tick_at,
        ticks.tick_date as date,
        ticks.recovered_run_id is null as is_missing,
        gaps.detected_poll_id,
        gaps.cause = 'schedule_replaced' and gaps.to_at = tasks.deleted_at as is_of_deletion
    from core.missing_runs as ticks
    left join core.coverage_gaps as gaps
        on gaps.gap_id = ticks.gap_id
    left join core.tasks as tasks
        on tasks.task_id = ticks.task_id

),

tick_ids as (

    select
        task_id,
        tick_at
    from ticks_then
    semi join days using (date, task_id)
    union
    select
        task_id,
        tick_at
    from ticks_now
    semi join days using (date, task_id)

),

ticks as (

    select
        ids.task_id,
        earlier.date as date_then,
        now.date as date_now,
        coalesce(earlier.is_missing, false)::integer as missing_then,
        coalesce(now.is_missing, false)::integer as missing_now,
        case
            when missing_now < missing_then and now.date is not null and has_new_polls then 'recovered_run'
            when missing_now < missing_then and has_new_polls then 'healed_gap'
            when earlier.date is null and now.detected_poll_id in (select poll_id from polls_then) then reread
            when missing_now > missing_then and now.is_of_deletion and has_new_polls then 'deletion'
            when missing_now > missing_then and has_new_polls then 'new_gap'
            else reread
        end as cause_of_value,
        case when has_other_zone then 'zone_setting' else reread end as cause_of_move
    from tick_ids as ids
    left join ticks_then as earlier
        on earlier.task_id = ids.task_id
        and earlier.tick_at = ids.tick_at
    left join ticks_now as now
        on now.task_id = ids.task_id
        and now.tick_at = ids.tick_at
    cross join between_them

),

tick_changes as (

    select
        coalesce(date_then, date_now) as date,
        task_id,
        cause_of_value as cause,
        missing_now - missing_then as missing
    from ticks

    union all

    select date_then, task_id, cause_of_move, -missing_now from ticks where date_then != date_now

    union all

    select date_now, task_id, cause_of_move, missing_now from ticks where date_then != date_now

),

changes as (

    select date, task_id, 'runs' as measure, cause, runs::decimal(38, 20) as change_value from run_changes
    union all
    select date, task_id, 'failed', cause, failed from run_changes
    union all
    select date, task_id, 'cents', cause, cents from run_changes
    union all
    select date, task_id, 'missing', cause, missing from tick_changes

),

told as (

    select
        numbers.*,
        changes.cause,
        sum(changes.change_value) as change_value,
        count(*) as item_count
    from restated_days as numbers
    inner join changes
        on changes.date = numbers.date
        and changes.task_id is not distinct from numbers.task_id
        and changes.measure = numbers.measure
    where changes.change_value != 0
    group by all

),

-- What no run and no tick tells, the marts make of them otherwise than before.
sums as (

    select
        date,
        task_id,
        measure,
        sum(change_value) as change_value
    from told
    group by all

),

rest as (

    select
        numbers.*,
        between_them.otherwise as cause,
        numbers.after_value - numbers.before_value - coalesce(sums.change_value, 0) as change_value,
        0 as item_count
    from restated_days as numbers
    left join sums
        on sums.date = numbers.date
        and sums.task_id is not distinct from numbers.task_id
        and sums.measure = numbers.measure
    cross join between_them

)

select * from told
union all
select * from rest where change_value != 0
