-- Which tasks had a day unlike their own past? Measure: verdicts of the newest whole day that stand out; nobody can tell of
-- a day on which none could be given, or of which a part was not seen, as in an outage: the rest may be what stands out.
with newest as (

    select *
    from marts.anomalies
    qualify row_number() over (partition by task_id order by date desc) = 1

)

select
    coalesce(newest.task_id, 'fleet') as subject,
    coalesce(newest.title, newest.task_id, 'the whole fleet') as title,
    case
        when newest.date < (context.as_of_at at time zone context.reporting_timezone)::date - 1 then 0
        when newest.failure_verdict = 'too_few' and newest.spend_verdict = 'too_few' and newest.run_count_verdict = 'too_few'
            then null
        when not newest.is_anomaly and newest.coverage_status = 'unknown' then null
        else (coalesce(newest.failure_verdict, '') in ('high', 'low'))::integer
            + (coalesce(newest.spend_verdict, '') in ('high', 'low'))::integer
            + (coalesce(newest.run_count_verdict, '') in ('high', 'low'))::integer
    end::double as measure,
    newest.date || ': ' || concat_ws(
        '; ',
        case when newest.failure_verdict in ('high', 'low') then 'failures ' || newest.failure_verdict || ': '
            || newest.failed_count || ' of ' || core.counted(newest.n, 'run') || ', usually '
            || round(100 * newest.baseline_failure_ratio)::bigint || ' %' end,
        case when newest.spend_verdict in ('high', 'low') then 'spend ' || newest.spend_verdict || ': '
            || core.money_text(newest.total_cents) || ', usually ' || core.money_text(newest.expected_low_cents)
            || ' to ' || core.money_text(newest.expected_high_cents) end,
        case when newest.run_count_verdict in ('high', 'low') then 'runs ' || newest.run_count_verdict || ': '
            || newest.run_count || ', usually ' || round(newest.expected_run_count_low)::bigint || ' to '
            || round(newest.expected_run_count_high)::bigint end,
        case when not newest.is_anomaly then 'nothing stands out' end
    ) as cause,
    'that day: ' || replace(newest.coverage_status, '_', ' ') || ', ' || newest.runs_missing_count || ' missing' as completeness,
    'select * from marts.anomalies where date = ''' || newest.date || ''' and is_anomaly' as rows_query
from newest
cross join core.build_context as context
