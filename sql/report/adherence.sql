-- Did tasks run on time, day by day? Those with the worst record come first;
-- a week of one missed tick must not outrank a month of fifty. Parameter: $days. Read by pipelines/report/queries.py.
with days as (
    select *
    from marts.schedule_adherence_daily
    where date > (select max(date) from marts.fleet_daily) - $days::integer
),

tasks as (
    select
        task_id,
        sum(on_time_count)::bigint as task_on_time_count,
        sum(on_time_count + late_count + missed_count)::bigint as task_n,
        sum(late_count)::bigint as task_late_count,
        sum(missed_count)::bigint as task_missed_count,
        sum(unobservable_count)::bigint as task_unobservable_count,
        core.wilson_low(
            sum(late_count + missed_count)::bigint, sum(on_time_count + late_count + missed_count)::bigint
        ) as not_on_time_low,
        sum(on_time_count) / nullif(sum(on_time_count + late_count + missed_count), 0) as task_adherence_ratio,
        core.wilson_low(
            sum(on_time_count)::bigint, sum(on_time_count + late_count + missed_count)::bigint
        ) as task_adherence_low,
        core.wilson_high(
            sum(on_time_count)::bigint, sum(on_time_count + late_count + missed_count)::bigint
        ) as task_adherence_high,
        row_number() over (order by not_on_time_low desc nulls last, task_n desc, task_id) as task_rank
    from days
    group by task_id
)

select
    days.date, days.task_id, days.title, days.expected_count, days.on_time_count, days.late_count,
    days.missed_count, days.unobservable_count, days.adherence_ratio, tasks.* exclude (task_id)
from days
inner join tasks
    on tasks.task_id = days.task_id
order by tasks.task_rank, days.date
