-- How is the whole fleet doing, day by day?
-- Grain: one row per local day from the first known one to today, days without runs too. Key: date.
-- Outcomes leave out test runs and other environments; money counts every run. Not the language model's bill.
-- Built day by day, as task_day_facts is.
with context as (

    select * from core.build_context

),

days as (

    select
        date,
        count(distinct task_id) as task_count,
        sum(run_count)::bigint as run_count,
        sum(succeeded_count)::bigint as succeeded_count,
        sum(failed_count)::bigint as failed_count,
        sum(cancelled_count)::bigint as cancelled_count,
        sum(expired_count)::bigint as expired_count,
        sum(in_flight_count)::bigint as in_flight_count,
        sum(unknown_count)::bigint as unknown_count,
        sum(test_run_count)::bigint as test_run_count,
        sum(nonproduction_run_count)::bigint as nonproduction_run_count,
        sum(recovered_run_count)::bigint as recovered_run_count,
        sum(unpriced_run_count)::bigint as unpriced_run_count,
        sum(succeeded_count + failed_count)::bigint as n,
        core.sum_known_cents(compute_cents) as compute_cents,
        core.sum_known_cents(invocation_cents) as invocation_cents,
        core.sum_known_cents(total_cents) as total_cents,
        core.sum_known_cents(wasted_cents) as wasted_cents,
        bool_and(is_final) as is_final
    from marts.task_day_facts
    where core.is_in_scope(date)
    group by date

),

coverage as (

    select
        date,
        sum(runs_missing_count)::bigint as runs_missing_count,
        bool_or(coverage_status = 'unknown') as is_unknown
    from marts.coverage_facts
    where core.is_in_scope(date)
    group by date

),

bounds as (

    select
        (fleet.from_at at time zone context.reporting_timezone)::date as first_date,
        (fleet.until_at at time zone context.reporting_timezone)::date as last_date
    from marts.day_inputs as fleet
    cross join context
    where fleet.kind = 'fleet'

),

spine as (

    select
        unnest(generate_series(
            greatest(first_date, core.scope_from()),
            least(last_date, core.scope_until() - 1),
            interval 1 day
        ))::date as date
    from bounds

),

unseen as (

    select
        spine.date,
        core.coverage_status(
            coalesce(coverage.runs_missing_count, 0),
            coalesce(coverage.is_unknown, true)
        ) as coverage_status,
        core.unseen_count(
            coverage_status,
            coalesce(coverage.runs_missing_count, 0),
            coalesce(days.in_flight_count, 0),
            coalesce(days.unknown_count, 0)
        ) as unseen_count
    from spine
    left join days
        on days.date = spine.date
    left join coverage
        on coverage.date = spine.date

)

select
    spine.date,
    coalesce(days.task_count, 0) as task_count,
    coalesce(days.run_count, 0) as run_count,
    coalesce(days.succeeded_count, 0) as succeeded_count,
    coalesce(days.failed_count, 0) as failed_count,
    coalesce(days.cancelled_count, 0) as cancelled_count,
    coalesce(days.expired_count, 0) as expired_count,
    coalesce(days.in_flight_count, 0) as in_flight_count,
    coalesce(days.unknown_count, 0) as unknown_count,
    coalesce(days.n, 0) as n,
    days.failed_count / nullif(days.n, 0) as failure_ratio,
    core.wilson_low(days.failed_count, days.n) as failure_ratio_low,
    core.wilson_high(days.failed_count, days.n) as failure_ratio_high,
    core.least_ratio(coalesce(days.failed_count, 0), coalesce(days.n, 0), unseen.unseen_count) as failure_ratio_least,
    core.most_ratio(coalesce(days.failed_count, 0), coalesce(days.n, 0), unseen.unseen_count) as failure_ratio_most,

    ---------- money
    case when days.date is null then 0 else days.compute_cents end as compute_cents,
    case when days.date is null then 0 else days.invocation_cents end as invocation_cents,
    case when days.date is null then 0 else days.total_cents end as total_cents,
    core.usd(case when days.date is null then 0 else days.total_cents end) as total_usd,
    case when days.date is null then 0 else days.wasted_cents end as wasted_cents,
    core.usd(case when days.date is null then 0 else days.wasted_cents end) as wasted_usd,
    days.wasted_cents / nullif(days.total_cents, 0) as wasted_ratio,
    coalesce(days.is_final, true) as is_final,

    ---------- completeness
    coalesce(coverage.runs_missing_count, 0) as runs_missing_count,
    days.run_count / nullif(days.run_count + coalesce(coverage.runs_missing_count, 0), 0) as coverage_ratio,
    unseen.coverage_status,
    coalesce(days.test_run_count, 0) as test_run_count,
    coalesce(days.nonproduction_run_count, 0) as nonproduction_run_count,
    coalesce(days.recovered_run_count, 0) as recovered_run_count,
    coalesce(days.unpriced_run_count, 0) as unpriced_run_count
from spine
left join days
    on days.date = spine.date
left join coverage
    on coverage.date = spine.date
inner join unseen
    on unseen.date = spine.date
