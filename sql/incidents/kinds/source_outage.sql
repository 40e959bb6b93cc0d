-- Does the source answer with empty lists? Measure: polls in a row in which a fifth of the tasks showed
-- nothing; of each shard, where there are several.
with newest as (

    select
        list_contains(suspect_reasons, 'many_tasks_empty') as is_outage,
        suspect_task_count,
        core.shard_of(poll_id) as shard,
        row_number() over (partition by core.shard_of(poll_id) order by started_at desc, poll_id desc) as age_rank
    from core.polls
    where source <> 'file'
        and status in ('succeeded', 'suspect', 'partial')

)

select
    if(shard = '', 'source', 'source of ' || shard) as subject,
    if(shard = '', 'The Recoup API', 'The Recoup API, as shard ' || shard || ' sees it') as title,
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
group by shard
