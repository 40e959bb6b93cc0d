-- What ran when with which configuration, and what came of it? The base of all other marts; run_facts adds the attempts.
-- Grain: one row per run. Configuration, account and artist are those in force when it started; titles are today's.
-- Caveat: a change of configuration is known from the poll that first saw it.
with tasks as (

    select * from core.tasks

),

versions as (

    select
        task_id,
        version_number,
        -- Nothing is known of the time before the first observation, so the first version stands for it.
        case
            when version_number = 1 then '-infinity'::timestamptz
            else valid_from
        end as in_force_from,
        model,
        schedule,
        timezone,
        prompt_hash,
        account_id,
        artist_account_id
    from core.task_versions

),

runs as (

    select
        *,
        coalesce(started_at, created_at) as in_force_at,
        -- Retrieved runs carry no environment; production is then assumed, as everything scheduled runs there.
        coalesce(is_production, true) as is_in_production
    from core.runs

)

select
    runs.run_id,
    runs.task_id,
    tasks.title,
    versions.account_id,
    versions.artist_account_id,
    case when tasks.artist_account_id = versions.artist_account_id then tasks.artist_name end as artist_name,
    runs.created_date as date,

    ---------- configuration in force
    versions.version_number,
    versions.model,
    versions.schedule,
    versions.timezone,
    versions.prompt_hash,
    runs.version as worker_version,

    ---------- state
    runs.status,
    runs.outcome,
    runs.is_final,
    coalesce(runs.is_test, false) as is_test,
    runs.is_in_production,
    runs.is_in_production and not coalesce(runs.is_test, false) as is_counted,
    runs.found_by,
    coalesce(
        tasks.deleted_at is not null or not list_contains(tasks.window_run_ids, runs.run_id),
        true
    ) as is_rescued,

    ---------- numbers
    runs.compute_cents,
    runs.invocation_cents,
    runs.total_cents,
    core.usd(runs.total_cents) as total_usd,
    case
        when runs.outcome = 'failed' then runs.total_cents
        else 0
    end as wasted_cents,
    runs.duration_ms,
    case when runs.outcome = 'failed' then runs.error_name end as error_name,
    case when runs.outcome = 'failed' then runs.error_message end as error_message,
    case
        when runs.outcome = 'failed' then core.error_fingerprint(runs.error_name, runs.error_message, runs.status)
    end as fingerprint,
    -- Read while the run lived, the number was not its last.
    case when runs.is_final and runs.details_observed_at >= runs.updated_at then runs.attempt_count end
        as told_attempt_count,

    ---------- times
    runs.created_at,
    runs.started_at,
    runs.finished_at,
    runs.last_observed_at
from runs
asof left join versions
    on versions.task_id = runs.task_id
    and versions.in_force_from <= runs.in_force_at
left join tasks
    on tasks.task_id = runs.task_id
