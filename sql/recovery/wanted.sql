-- What shall this poll ask of `/api/tasks/runs`, reasons first? Failed runs without details; runs in flight that no
-- window of this poll shows; listings of accounts with a gap, then the runs that listings named; details of the rest.
-- Parameters: $calls, how many may be asked; $give_up_after, the failures after which a run is left alone; $asked, the
-- requests that this poll has made already. Session variables: observed_at. Read by pipelines/ingest/recovery.py, while
-- the staged tasks are merged.
with shown as (

    -- What this poll showed, and nothing else: a deleted task's last window tells nothing about its runs any more.
    select unnest(window_run_ids) as run_id
    from observed

),

given_up as (

    select request
    from core.responses
    where kind = 'run'
        and http_status is null
    group by request
    having count(*) >= $give_up_after

),

known_runs_in_reach as (

    select run_id, found_by, outcome, is_final, created_at, updated_at, details_observed_at
    from core.runs
    where created_at > getvariable('observed_at') - core.longest_wait()
        or run_id in (select run_id from stage.runs)

    union all

    select run_id, 'listing', outcome, is_final, created_at, updated_at, null
    from core.listed_runs
    where created_at > getvariable('observed_at') - core.longest_wait()
        and run_id not in (select run_id from core.runs)

),

-- A staged observation stands for its run: it is the newer one nearly always, and a poll later always.
latest_runs as (

    select
        run_id,
        outcome,
        is_final,
        created_at,
        updated_at,
        max(details_observed_at) over (partition by run_id) as details_observed_at,
        bool_and(found_by = 'listing') over (partition by run_id) as is_named_by_listing
    from (
        select
            true as is_staged,
            position,
            run_id, found_by, outcome, is_final, created_at, updated_at, details_observed_at
        from stage.runs

        union all

        select
            false,
            0,
            *
        from known_runs_in_reach
    )
    qualify row_number() over (partition by run_id order by is_staged desc, updated_at desc, position desc) = 1

),

wanted_runs as (

    select
        '/api/tasks/runs?runId=' || run_id as request,
        'run' as kind,
        run_id as id,
        case
            when outcome = 'failed' then 0
            when not is_final and not is_named_by_listing then 1
            when is_named_by_listing then 3
            when outcome <> 'succeeded' then 4
            else 5
        end as priority,
        created_at
    from latest_runs
    where case
        -- Details that were read while the run lived are not its last: the number of attempts still grows.
        when is_final then coalesce(details_observed_at < updated_at, true)
        else run_id not in (select run_id from shown)
    end

),

-- Answered once after the gap was found, a listing is not asked for again: what it named is remembered.
wanted_listings as (

    select distinct
        '/api/tasks/runs?account_id=' || t.account_id || '&limit=100' as request,
        'runs' as kind,
        t.account_id as id,
        2 as priority,
        null::timestamptz as created_at
    from core.coverage_gaps as g
    inner join core.tasks as t
        on t.task_id = g.task_id
    where g.to_at > getvariable('observed_at') - core.window_length()
        and g.runs_missing_count is distinct from g.recovered_count
        and not exists (
            select 1
            from core.responses as r
            where r.request = '/api/tasks/runs?account_id=' || t.account_id || '&limit=100'
                and r.http_status = 200
                and r.poll_id >= g.detected_poll_id
        )

)

select kind, id
from (
    select * from wanted_runs
    union all
    select * from wanted_listings
)
where request not in (select request from given_up)
    and not list_contains($asked, request)
order by priority, created_at desc, id
limit $calls
