-- Which days of the last 30 stand out, for a task or the whole fleet, against the 28 days before them?
-- Grain: one row per local day and task, and one per day for the fleet (task_id null). Key: date, task_id. Anomalies first.
-- The day itself is not in its baseline, and today is not tested. Bounds lie three standard errors out, since thousands of
-- days are tested. Spend and run counts are compared among completely known days only, by medians.
with context as (

    select
        *,
        (as_of_at at time zone reporting_timezone)::date as today
    from core.build_context

),

days as (

    select
        date,
        task_id,
        sum(succeeded_count + failed_count)::bigint as n,
        sum(failed_count)::bigint as failed_count,
        sum(run_count)::bigint as run_count,
        core.sum_known_cents(total_cents) as total_cents,
        bool_and(is_final) as is_final,
        sum(runs_missing_count)::bigint as runs_missing_count,
        max(coverage_status) as coverage_status
    from marts.task_day_facts
    where task_id is not null
        -- Before they are summed: with the context joined afterwards, all days of the past would be.
        and date >= (select today - 58 from context)
    group by date, task_id
    union all
    select
        date,
        null as task_id,
        n,
        failed_count,
        run_count,
        total_cents,
        is_final,
        runs_missing_count,
        coverage_status
    from marts.fleet_daily

),

recent_days as (

    select
        days.*,
        days.coverage_status = 'complete' and days.total_cents is not null as is_comparable
    from days
    cross join context
    where days.date >= context.today - 58
        and days.date < context.today

),

baselines as (

    select
        *,
        sum(n) over baseline as baseline_n,
        sum(failed_count) over baseline as baseline_failed_count,
        -- Seven percentiles, each over the window, take twice as long as these two lists and percentiles of them.
        list(run_count) filter (is_comparable) over baseline as run_counts,
        list(total_cents) filter (is_comparable) over baseline as cents
    from recent_days
    window baseline as (
        partition by task_id
        order by date
        range between interval 28 days preceding and interval 1 day preceding
    )

),

tested as (

    select
        baselines.* exclude (run_counts, cents),
        coalesce(baseline_n, 0)::bigint as baseline_rated_n,
        coalesce(baseline_failed_count, 0)::bigint as baseline_rated_failed_count,
        coalesce(len(run_counts), 0) as baseline_day_count,
        coalesce(baseline_day_count >= 14 and list_sum(run_counts) >= 20, false) as has_baseline,
        list_median(run_counts) as run_count_median,
        list_mad(run_counts) as run_count_deviation,
        list_aggregate(run_counts, 'quantile_disc', 0.05) as run_count_p05,
        list_aggregate(run_counts, 'quantile_disc', 0.95) as run_count_p95,
        list_aggregate(cents, 'quantile_disc', 0.5) as median_cents,
        list_mad(cents::double[]) as spend_deviation,
        list_aggregate(cents, 'quantile_disc', 0.05) as p05_cents,
        list_aggregate(cents, 'quantile_disc', 0.95) as p95_cents
    from baselines
    cross join context
    where baselines.date >= context.today - 30

),

expected as (

    select
        *,
        core.newcombe_low(baseline_rated_failed_count, baseline_rated_n, failed_count, n, 3.0) as failure_low,
        core.newcombe_high(baseline_rated_failed_count, baseline_rated_n, failed_count, n, 3.0) as failure_high,
        -- Medians, since one odd day must not hide the next; 1.4826 makes a standard deviation of their deviation. Never
        -- less than a tenth of the median, or one run.
        greatest(3 * 1.4826 * run_count_deviation, 0.1 * run_count_median, 1) as run_count_margin,
        greatest(3 * 1.4826 * spend_deviation, 0.1 * median_cents::double)::decimal(38, 20) as margin_cents
    from tested

),

bounded as (

    select
        *,
        -- What one day in twenty does is not odd either: weekends, and tasks that run once a week.
        case when has_baseline then greatest(least(run_count_median - run_count_margin, run_count_p05), 0) end
            as expected_run_count_low,
        case when has_baseline then greatest(run_count_median + run_count_margin, run_count_p95) end
            as expected_run_count_high,
        case when has_baseline then greatest(least(median_cents - margin_cents, p05_cents), 0) end
            as expected_low_cents,
        case when has_baseline then greatest(median_cents + margin_cents, p95_cents) end as expected_high_cents
    from expected

),

judged as (

    select
        *,
        case
            when n < 5 or baseline_rated_n < 20 then 'too_few'
            when failure_low > 0 then 'high'
            when failure_high < 0 then 'low'
            else 'normal'
        end as failure_verdict,
        case
            when not is_comparable or not is_final or expected_low_cents is null then 'too_few'
            when total_cents > expected_high_cents then 'high'
            when total_cents < expected_low_cents then 'low'
            else 'normal'
        end as spend_verdict,
        case
            when not is_comparable or expected_run_count_low is null then 'too_few'
            when run_count > expected_run_count_high then 'high'
            when run_count < expected_run_count_low then 'low'
            else 'normal'
        end as run_count_verdict
    from bounded

)

select
    judged.date,
    judged.task_id,
    case when judged.task_id is null then 'fleet' else 'task' end as scope,
    tasks.title,
    tasks.account_id,
    tasks.artist_account_id,
    'high' in (judged.failure_verdict, judged.spend_verdict, judged.run_count_verdict)
    or 'low' in (judged.failure_verdict, judged.spend_verdict, judged.run_count_verdict) as is_anomaly,

    ---------- failure rate
    judged.failure_verdict,
    judged.n,
    judged.failed_count,
    judged.failed_count / nullif(judged.n, 0) as failure_ratio,
    judged.baseline_rated_n as baseline_n,
    judged.baseline_rated_failed_count / nullif(judged.baseline_rated_n, 0) as baseline_failure_ratio,
    judged.failure_low as failure_difference_low,
    judged.failure_high as failure_difference_high,

    ---------- spend
    judged.spend_verdict,
    judged.total_cents,
    judged.median_cents as baseline_median_cents,
    judged.expected_low_cents,
    judged.expected_high_cents,
    judged.is_final,

    ---------- number of runs
    judged.run_count_verdict,
    judged.run_count,
    judged.run_count_median as baseline_run_count_median,
    judged.expected_run_count_low,
    judged.expected_run_count_high,
    judged.baseline_day_count,

    ---------- completeness
    judged.runs_missing_count,
    judged.coverage_status
from judged
left join core.tasks as tasks
    on tasks.task_id = judged.task_id
order by is_anomaly desc, judged.failure_low desc nulls last, judged.date desc, judged.task_id
