-- Does the source answer with empty lists? Measure: polls in a row in which a fifth of the tasks showed nothing.
with newest as (

    select
        list_contains(suspect_reasons, 'many_tasks_empty') as is_outage,
        suspect_task_count,
        row_number() over (order by started_at desc, poll_id desc) as age_rank
    from core.polls
    where source <> 'file'
        and status in ('succeeded', 'suspect', 'partial')

)

select
    'source' as subject,
    'The Recoup API' as title,
    coalesce(min(age_rank) filter (not is_outage) - 1, count(*))::double as measure,
    case
        when min(age_rank) filter (not is_outage) = 1 then 'the last answer showed runs'
        else core.counted(coalesce(min(age_rank) filter (not is_outage) - 1, count(*)), 'answer') || ' in a row '
            || 'came without runs, the last for ' || core.counted(coalesce(arg_min(suspect_task_count, age_rank), 0), 'task')
            || ' that had some'
    end as cause,
    'nothing was marked empty or deleted by it' as completeness,
    'select started_at, status, suspect_reasons from core.polls order by started_at desc limit 20' as rows_query
from newest
having count(*) > 0
