-- Which numbers of ended days were told otherwise, and why?
-- Grain: one row per publish, local day, task and measure (the key).
-- Between two publishes: sum change_value over all publishes after the first, of days that had ended at the first.
with restated as (

    select
        publish_number,
        published_at,
        date,
        task_id,
        measure,
        before_value,
        after_value,
        after_value - before_value as change_value,
        string_agg(
            cause || ' ' || case when restatements.change_value > 0 then '+' else '' end
            || regexp_replace(restatements.change_value::varchar, '\.?0+$', ''),
            ', '
            order by abs(restatements.change_value) desc, cause
        ) as causes,
        bool_or(cause = 'unexplained') as is_unexplained
    from core.restatements as restatements
    group by all

)

select
    restated.publish_number,
    restated.published_at,
    restated.date,
    restated.task_id,
    tasks.title,
    restated.measure,
    restated.before_value,
    restated.after_value,
    restated.change_value,
    restated.causes,
    restated.is_unexplained,

    ---------- completeness of the day, as of now
    coalesce(coverage.runs_missing_count, 0) as runs_missing_count,
    coverage.coverage_ratio,
    coalesce(coverage.coverage_status, 'unknown') as coverage_status
from restated
left join core.tasks as tasks
    on tasks.task_id = restated.task_id
left join marts.coverage_facts as coverage
    on coverage.date = restated.date
    and coverage.task_id = restated.task_id
