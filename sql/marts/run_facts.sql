-- What is there to count about a run?
-- Grain: one row per run. Configuration, account and artist are those in force when it started; titles are today's.
-- Caveat: a change of configuration is known from the poll that first saw it.
select
    runs.run_id,
    runs.task_id,
    runs.title,
    runs.account_id,
    runs.artist_account_id,
    runs.artist_name,
    runs.date,

    ---------- configuration in force
    runs.version_number,
    runs.model,
    runs.schedule,
    runs.timezone,
    runs.prompt_hash,
    runs.worker_version,

    ---------- state
    runs.status,
    runs.outcome,
    runs.is_final,
    runs.is_test,
    runs.is_in_production,
    runs.is_counted,
    runs.found_by,
    runs.is_rescued,

    ---------- numbers
    runs.compute_cents,
    runs.invocation_cents,
    runs.total_cents,
    runs.total_usd,
    runs.wasted_cents,
    runs.duration_ms,
    runs.error_name,
    runs.error_message,
    runs.fingerprint,
    coalesce(
        runs.told_attempt_count,
        -- Only servers that list the attempts of a run inside it fill core.attempts. Asked run by run: where few runs are
        -- asked for, no others' attempts are counted.
        case
            when runs.is_final
                then (
                    select nullif(count(*), 0)::integer
                    from core.attempts as attempts
                    where attempts.run_id = runs.run_id
                )
        end
    ) as attempt_count,

    ---------- times
    runs.created_at,
    runs.started_at,
    runs.finished_at,
    runs.last_observed_at
from marts.runs_in_force as runs
