-- What shall this poll ask of `/api/tasks/runs`: accounts whose fresh gaps may be filled, then runs, most telling first?
-- Parameters: $budget, the calls that one poll may make; $give_up_after, the failures after which a run is left alone.
-- Session variables: poll_id, observed_at. Read by pipelines/ingest/recovery.py, while the staged tasks are merged.
with shown as (

    select unnest(window_run_ids) as run_id
    from core.tasks
    where deleted_at is null

),

given_up as (

    select request
    from core.responses
    where kind = 'run'
        and http_status is null
    group by request
    having count(*) >= $give_up_after

),

-- A staged observation stands for its run: it is the newer one nearly always, and a poll later always.
latest_runs as (

    select run_id, task_id, outcome, is_final, created_at, updated_at, details_observed_at
    from stage.runs
    qualify row_number() over (partition by run_id order by updated_at desc, position desc) = 1

    union all

    select run_id, task_id, outcome, is_final, created_at, updated_at, details_observed_at
    from core.runs
    where created_at > getvariable('observed_at') - core.longest_wait()
        and run_id not in (select run_id from stage.runs)

),

detailed as (

    select run_id, details_observed_at
    from core.runs
    where run_id in (select run_id from stage.runs)

),

wanted_runs as (

    select
        l.run_id,
        l.created_at,
        case
            when l.task_id is null then 0
            when not l.is_final then 0
            when l.outcome <> 'succeeded' then 1
            else 2
        end as priority
    from latest_runs as l
    left join detailed as d
        on d.run_id = l.run_id
    where '/api/tasks/runs?runId=' || l.run_id not in (select request from given_up)
        and case
            when l.task_id is null then true
            when l.is_final
                then coalesce(greatest(l.details_observed_at, d.details_observed_at) < l.updated_at, true)
            else l.run_id not in (select run_id from shown)
        end

)

select distinct
    'runs' as kind,
    t.account_id as id,
    null as priority,
    null as created_at
from core.coverage_gaps as g
inner join core.tasks as t
    on t.task_id = g.task_id
where (
        g.detected_poll_id = getvariable('poll_id')
        -- The poll before had more to ask than its budget allowed.
        or (select details_call_count from core.polls where status <> 'running' order by poll_id desc limit 1) >= $budget
    )
    and g.to_at > getvariable('observed_at') - core.window_length()
    and g.runs_missing_count is distinct from g.recovered_count

union all

select 'run', run_id, priority, created_at
from wanted_runs
order by priority nulls first, created_at desc
limit $budget
