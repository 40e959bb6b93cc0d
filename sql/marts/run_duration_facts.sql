-- How long did runs take each day: billed, by the clock, and in the queue? run_durations_daily adds the names of today.
-- Grain: one row per local day and task that had a run. Key: date, task_id. Counted runs that succeeded or failed.
-- Percentiles are values that occurred (nearest rank): below 20 runs p95 is the longest.
-- Built day by day, as task_day_facts is.
with runs as (

    select
        created_date as date,
        task_id,
        duration_ms as billed_ms,
        epoch_ms(finished_at) - epoch_ms(started_at) as wall_ms,
        -- The tick is nominal: a run that started before it has not waited.
        case
            when started_at is not null then greatest(epoch_ms(started_at) - epoch_ms(created_at), 0)
        end as queue_ms
    from core.runs
    where core.is_in_scope(created_date)
        -- What is a counted run is said as in marts.runs_in_force.
        and coalesce(is_production, true)
        and not coalesce(is_test, false)
        and outcome in ('succeeded', 'failed')

),

plain as (

    select
        date,
        task_id,
        count(*) as n,
        count(billed_ms) as billed_n,
        [min(billed_ms), max(billed_ms)] as billed_ms,
        sum(billed_ms) as billed_sum_ms,
        count(wall_ms) as wall_n,
        [min(wall_ms), max(wall_ms)] as wall_ms,
        max(wall_ms) as wall_max_ms,
        count(queue_ms) as queue_n,
        [min(queue_ms), max(queue_ms)] as queue_ms
    from runs
    group by date, task_id

),

busy as (

    -- Of one run or two the median is the shortest and p95 the longest: most days need no percentiles, which take six times
    -- as long as the rest.
    select
        runs.date,
        runs.task_id,
        quantile_disc(runs.billed_ms, [0.5, 0.95]) as billed_ms,
        quantile_disc(runs.wall_ms, [0.5, 0.95]) as wall_ms,
        quantile_disc(runs.queue_ms, [0.5, 0.95]) as queue_ms
    from runs
    inner join plain
        on plain.date = runs.date
        and plain.task_id is not distinct from runs.task_id
    where plain.n > 2
    group by runs.date, runs.task_id

),

percentiles as (

    select
        plain.* replace (
            coalesce(busy.billed_ms, plain.billed_ms) as billed_ms,
            coalesce(busy.wall_ms, plain.wall_ms) as wall_ms,
            coalesce(busy.queue_ms, plain.queue_ms) as queue_ms
        )
    from plain
    left join busy
        on busy.date = plain.date
        and busy.task_id is not distinct from plain.task_id

),

coverage as (

    select *
    from marts.coverage_facts
    where core.is_in_scope(date)

)

select
    percentiles.date,
    percentiles.task_id,
    percentiles.n,
    percentiles.billed_n,
    percentiles.billed_ms[1] as billed_p50_ms,
    percentiles.billed_ms[2] as billed_p95_ms,
    percentiles.billed_sum_ms::bigint as billed_sum_ms,
    percentiles.wall_n,
    percentiles.wall_ms[1] as wall_p50_ms,
    percentiles.wall_ms[2] as wall_p95_ms,
    percentiles.wall_max_ms,
    percentiles.queue_n,
    percentiles.queue_ms[1] as queue_p50_ms,
    percentiles.queue_ms[2] as queue_p95_ms,

    ---------- completeness
    coalesce(coverage.runs_missing_count, 0) as runs_missing_count,
    coverage.coverage_ratio,
    coalesce(coverage.coverage_status, 'unknown') as coverage_status
from percentiles
left join coverage
    on coverage.task_id = percentiles.task_id
    and coverage.date = percentiles.date
