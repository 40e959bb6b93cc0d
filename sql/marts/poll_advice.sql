-- Is each task polled often enough that none of its runs leaves the API's window unseen?
-- Grain: one row per enabled task with a schedule. Key: task_id.
-- Only polls that the task's account answered count. The sensor polls by the least of the safe pauses; why one is safe is
-- said at core.safe_poll_ms.
with recent_polls as (

    -- Where several pollers work for one warehouse, each asks for accounts of its own.
    select
        core.shard_of(poll_id) as shard,
        started_at,
        unanswered_account_ids,
        -- The key's own account has no id to be named by.
        unanswered_account_count > len(unanswered_account_ids) as is_own_unanswered
    from core.polls
    where status in ('succeeded', 'suspect', 'partial')
        and source != 'file'
    qualify row_number() over (partition by core.shard_of(poll_id) order by started_at desc) <= 50

),

looks as (

    select
        accounts.account_id,
        accounts.shard,
        polls.started_at
    from recent_polls as polls
    inner join (
        select distinct
            account_id,
            core.shard_of(last_poll_id) as shard
        from core.tasks
    ) as accounts
        on accounts.shard = polls.shard
    where not polls.is_own_unanswered
        and not coalesce(list_contains(polls.unanswered_account_ids, accounts.account_id), false)

),

pace as (

    select
        account_id,
        shard,
        median(gap_seconds)::decimal(18, 3) as interval_in_use_seconds
    from (
        select
            account_id,
            shard,
            epoch(started_at) - epoch(lag(started_at) over (partition by account_id, shard order by started_at))
                as gap_seconds
        from looks
    )
    group by account_id, shard

),

longest_runs as (

    select
        runs.task_id,
        max(epoch_ms(runs.finished_at) - epoch_ms(runs.created_at)) as longest_run_ms
    from core.runs as runs
    where runs.created_at > core.as_of() - core.pace_memory()
        and runs.finished_at is not null
    group by runs.task_id

),

advice as (

    select
        tasks.task_id,
        tasks.title,
        tasks.schedule,
        tasks.timezone,
        tasks.account_id,
        core.shard_of(tasks.last_poll_id) as shard,
        gaps.smallest_gap_ms,
        longest_runs.longest_run_ms,
        core.safe_poll_ms(gaps.smallest_gap_ms, longest_runs.longest_run_ms) * 0.001 as safe_interval_seconds,
        core.shown_ms(gaps.smallest_gap_ms) * 0.001 as shown_seconds
    from core.tasks as tasks
    left join core.schedule_gaps as gaps
        on gaps.schedule = tasks.schedule
        and gaps.timezone = coalesce(tasks.timezone, 'UTC')
    left join longest_runs
        on longest_runs.task_id = tasks.task_id
    where tasks.is_enabled
        and tasks.deleted_at is null
        and tasks.schedule is not null

)

select
    advice.task_id,
    advice.title,
    advice.schedule,
    advice.timezone,
    advice.smallest_gap_ms,
    advice.longest_run_ms,
    advice.safe_interval_seconds,
    pace.interval_in_use_seconds,
    pace.interval_in_use_seconds > advice.safe_interval_seconds as is_polled_too_rarely,
    case
        when pace.interval_in_use_seconds > advice.shown_seconds
            then 1 - advice.shown_seconds::double / nullif(pace.interval_in_use_seconds, 0)
        when pace.interval_in_use_seconds <= advice.shown_seconds then 0
    end as expected_lost_ratio,
    coverage.runs_missing_count,
    coverage.coverage_ratio,
    coverage.coverage_status
from advice
left join pace
    on pace.account_id is not distinct from advice.account_id
    and pace.shard = advice.shard
left join marts.task_coverage as coverage
    on coverage.task_id = advice.task_id
