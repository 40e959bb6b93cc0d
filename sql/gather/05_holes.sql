-- What was seen of each task, and what was not. Of a task that moved, a shard counts as lost what ran after its last look;
-- what the window of another shard's look shows was seen after all. Where no look shows a stretch, and no shard has
-- counted its ticks, nobody knows how many runs it held.
create or replace temp table moved_looks as
select
    *,
    -- The window shows its oldest run and all that came later; with room left, all of the seven days. Nothing of
    -- the time before is known of another schedule: its runs stand in another list.
    case
        when schedule_id is null then null
        when lag(schedule_id) over in_time != schedule_id then coalesce(oldest_run_at, observed_at)
        when is_saturated then oldest_run_at
        else observed_at - core.window_length()
    end as shown_from_at,
    lag(shard) over in_time as shard_before,
    lag(schedule_id) over in_time as schedule_before_id,
    lag(observed_at) over in_time as before_at,
    lag(newest_run_at) over in_time as newest_before_at
from told_task_observations
semi join moved_tasks using (task_id)
where verdict not in ('unknown', 'rejected')
window in_time as (partition by task_id order by observed_at, shard);

-- Ticks of such tasks, and whether a look of another shard at the same schedule shows what became of them.
create or replace temp table moved_missing as
with missing as (

    select
        ticks.*,
        own.schedule_id
    from told_missing_runs as ticks
    semi join moved_tasks using (task_id)
    asof left join moved_looks as own
        on own.task_id = ticks.task_id
        and own.shard = ticks.shard
        and own.observed_at <= ticks.tick_at

)

select
    missing.task_id,
    missing.tick_at,
    missing.gap_id,
    missing.recovered_run_id,
    missing.shard,
    arg_min(looks.shown_from_at, looks.observed_at) as shown_from_at,
    arg_min(looks.observed_at - looks.before_at, looks.observed_at) as waited,
    coalesce(bool_or(missing.tick_at >= looks.shown_from_at - core.tick_tolerance()), false) as is_shown
from missing
left join moved_looks as looks
    on looks.task_id = missing.task_id
    and looks.schedule_id = missing.schedule_id
    and looks.shard != missing.shard
    and looks.observed_at >= missing.tick_at
group by all;

delete from core.missing_runs;

insert into core.missing_runs by name
select * exclude (shard) replace (null::date as tick_date)
from told_missing_runs
anti join moved_tasks using (task_id)

union all by name

select
    task_id,
    tick_at,
    null::date as tick_date,
    gap_id,
    recovered_run_id
from moved_missing
where not is_shown
qualify row_number() over (partition by task_id, tick_at order by gap_id) = 1;

-- A run that another shard retrieved takes the place of its tick (as in sql/flatten/24_pair_recovered.sql).
update core.missing_runs as missing
set recovered_run_id = pairs.run_id
from (
    select
        ticks.task_id,
        ticks.tick_at,
        runs.run_id
    from core.missing_runs as ticks
    semi join moved_tasks using (task_id)
    inner join core.runs as runs
        on runs.task_id = ticks.task_id
        and runs.created_at between ticks.tick_at - core.tick_tolerance() and ticks.tick_at + core.tick_tolerance()
    where ticks.recovered_run_id is null
        and runs.run_id not in (select recovered_run_id from core.missing_runs where recovered_run_id is not null)
    qualify row_number() over (
        partition by ticks.task_id, ticks.tick_at
        order by abs(epoch(runs.created_at) - epoch(ticks.tick_at)), runs.run_id
    ) = 1
        and row_number() over (
            partition by runs.run_id
            order by abs(epoch(runs.created_at) - epoch(ticks.tick_at)), ticks.tick_at
        ) = 1
) as pairs
where missing.task_id = pairs.task_id
    and missing.tick_at = pairs.tick_at;

delete from core.coverage_gaps;

insert into core.coverage_gaps by name
select * exclude (shard)
from told_coverage_gaps
anti join moved_tasks using (task_id)

union all by name

select
    gaps.* exclude (shard) replace (
        case when counts.shown_count > 0 then least(gaps.to_at, counts.shown_from_at) else gaps.to_at end as to_at,
        case
            when counts.shown_count = 0 then gaps.cause
            when counts.waited > interval 26 hours then 'not_polled'
            else 'window_overflow'
        end as cause,
        counts.missing_count as runs_missing_count,
        counts.recovered_count as recovered_count
    )
from told_coverage_gaps as gaps
semi join moved_tasks using (task_id)
inner join (
    select
        missing.gap_id,
        count(*) filter (missing.is_shown) as shown_count,
        min(missing.shown_from_at) as shown_from_at,
        min(missing.waited) as waited,
        count(kept.tick_at)::integer as missing_count,
        count(kept.recovered_run_id)::integer as recovered_count
    from moved_missing as missing
    left join core.missing_runs as kept
        on kept.gap_id = missing.gap_id
        and kept.tick_at = missing.tick_at
    group by missing.gap_id
) as counts
    on counts.gap_id = gaps.gap_id
where counts.missing_count > 0

union all by name

select gaps.* exclude (shard)
from told_coverage_gaps as gaps
semi join moved_tasks using (task_id)
where gaps.runs_missing_count is null
    and not exists (
        select 1
        from moved_looks as looks
        where looks.task_id = gaps.task_id
            and looks.shard != gaps.shard
            and looks.shown_from_at <= gaps.from_at
            and looks.observed_at >= gaps.to_at
    )

union all by name

-- From the last look of one shard, or from where that one has counted to, up to what the first look of the next shows.
select
    looks.poll_id || '/' || looks.task_id as gap_id,
    looks.task_id,
    greatest(
        looks.newest_before_at, looks.before_at - core.longest_lateness(), ended.counted_until_at
    ) as from_at,
    looks.shown_from_at as to_at,
    'not_polled' as cause,
    false as is_provisional,
    versions.schedule,
    coalesce(versions.timezone, 'UTC') as timezone,
    null::integer as runs_missing_count,
    0 as recovered_count,
    looks.observed_at as detected_at,
    looks.poll_id as detected_poll_id
from moved_looks as looks
left join (
    select
        task_id,
        shard,
        max(valid_to) as counted_until_at
    from told_task_versions
    group by task_id, shard
) as ended
    on ended.task_id = looks.task_id
    and ended.shard = looks.shard_before
    and ended.counted_until_at > looks.before_at
left join core.task_versions as versions
    on versions.task_id = looks.task_id
    and versions.is_current
where looks.verdict = 'first'
    and looks.shard_before != looks.shard
    and looks.shown_from_at > greatest(
        looks.newest_before_at, looks.before_at - core.longest_lateness(), ended.counted_until_at
    );

delete from core.task_observations;

insert into core.task_observations by name
select * exclude (shard)
from told_task_observations
anti join moved_tasks using (task_id)

union all by name

-- A look that follows on one of another shard is judged by that one.
select
    told.* exclude (shard) replace (
        case
            when looks.shard_before is null or looks.shard_before = looks.shard then told.verdict
            when looks.schedule_id is distinct from looks.schedule_before_id and looks.schedule_before_id is not null
                then 'schedule_replaced'
            when gaps.task_id is not null then 'gap'
            else 'complete'
        end as verdict,
        case
            when looks.shard_before is null or looks.shard_before = looks.shard then told.is_overlapping
            when told.is_saturated then coalesce(looks.oldest_run_at <= looks.newest_before_at, false)
        end as is_overlapping
    )
from told_task_observations as told
semi join moved_tasks using (task_id)
left join moved_looks as looks
    on looks.task_id = told.task_id
    and looks.poll_id = told.poll_id
left join (
    select distinct
        task_id,
        to_at
    from core.coverage_gaps
) as gaps
    on gaps.task_id = looks.task_id
    and gaps.to_at = looks.shown_from_at;
