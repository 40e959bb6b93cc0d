-- How long do runs take: billed, by the clock, and waiting in the queue?
-- Grain: one row per task and window of 1, 7, 30 and 90 days that had a run. Key: task_id, window_days. Slowest first.
-- Counted runs that succeeded or failed. Percentiles are values that occurred (nearest rank): below 20
-- runs p95 is the longest.
with windows as (

    select
        unnest([1, 7, 30, 90]) as window_days

),

runs as (

    select
        facts.task_id,
        facts.created_at,
        facts.duration_ms as billed_ms,
        epoch_ms(facts.finished_at) - epoch_ms(facts.started_at) as wall_ms,
        -- The tick is nominal: a run that started before it has not waited.
        case
            when facts.started_at is not null
                then greatest(epoch_ms(facts.started_at) - epoch_ms(facts.created_at), 0)
        end as queue_ms
    from marts.runs_in_force as facts
    where facts.is_counted
        and facts.outcome in ('succeeded', 'failed')
        and facts.created_at > core.as_of() - to_hours(24 * 90)
        and facts.created_at <= core.as_of()

),

percentiles as (

    select
        windows.window_days,
        runs.task_id,
        count(*) as n,
        count(runs.billed_ms) as billed_n,
        quantile_disc(runs.billed_ms, [0.5, 0.95]) as billed_ms,
        count(runs.wall_ms) as wall_n,
        quantile_disc(runs.wall_ms, [0.5, 0.95]) as wall_ms,
        count(runs.queue_ms) as queue_n,
        quantile_disc(runs.queue_ms, [0.5, 0.95]) as queue_ms
    from runs
    inner join windows
        on runs.created_at > core.as_of() - to_hours(24 * windows.window_days)
    group by windows.window_days, runs.task_id

)

select
    percentiles.window_days,
    percentiles.task_id,
    tasks.title,
    tasks.account_id,
    tasks.artist_account_id,
    percentiles.n,
    percentiles.billed_n,
    percentiles.billed_ms[1] as billed_p50_ms,
    percentiles.billed_ms[2] as billed_p95_ms,
    percentiles.wall_n,
    percentiles.wall_ms[1] as wall_p50_ms,
    percentiles.wall_ms[2] as wall_p95_ms,
    percentiles.queue_n,
    percentiles.queue_ms[1] as queue_p50_ms,
    percentiles.queue_ms[2] as queue_p95_ms,

    ---------- completeness
    coalesce(coverage.runs_missing_count, 0) as runs_missing_count,
    coverage.coverage_ratio,
    coalesce(coverage.coverage_status, 'unknown') as coverage_status
from percentiles
left join marts.window_coverage as coverage
    on coverage.task_id = percentiles.task_id
    and coverage.window_days = percentiles.window_days
left join core.tasks as tasks
    on tasks.task_id = percentiles.task_id
order by percentiles.window_days, percentiles.billed_ms[2] desc nulls last, percentiles.task_id
