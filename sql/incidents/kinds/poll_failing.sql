-- Do polls bring nothing? Measure: failed polls in a row, newest first; of each shard, where there are several.
with newest as (

    select
        status,
        error_kind,
        core.shard_of(poll_id) as shard,
        row_number() over (partition by core.shard_of(poll_id) order by started_at desc, poll_id desc) as age_rank
    from core.polls
    where source <> 'file'
        and status <> 'running'

)

select
    if(shard = '', 'pipeline', shard) as subject,
    if(shard = '', 'Polls', 'Polls of shard ' || shard) as title,
    coalesce(min(age_rank) filter (status <> 'failed') - 1, count(*))::double as measure,
    case
        when min(age_rank) filter (status <> 'failed') = 1 then 'the last poll was answered'
        else core.counted(coalesce(min(age_rank) filter (status <> 'failed') - 1, count(*)), 'poll') || ' in a row failed'
            || coalesce(', the last with ' || arg_min(error_kind, age_rank), '')
    end as cause,
    'polls are known' as completeness,
    'select started_at, status, error_kind, error_message from core.polls order by started_at desc limit 20' as rows_query
from newest
group by shard
