-- What failed, when, and why?
-- Grain: one row per run that ended failed, newest first. Key: run_id. Test runs and other environments are rows too.
-- The list endpoint tells no errors, so a run's reason is known once its details were fetched.
with failures as (

    select
        *,
        error_name is not null or error_message is not null as is_error_observed
    from marts.run_facts
    where outcome = 'failed'

),

placed as (

    select
        *,
        row_number() over (
            partition by task_id, fingerprint
            order by created_at, run_id
        ) as occurrence_number
    from failures

)

select
    placed.run_id,
    placed.task_id,
    placed.title,
    placed.account_id,
    placed.artist_account_id,
    placed.artist_name,
    placed.date,

    ---------- why
    placed.status,
    placed.error_name,
    left(placed.error_message, 2000) as error_message,
    placed.fingerprint,
    placed.is_error_observed,
    placed.occurrence_number,
    placed.occurrence_number = 1 as is_first,
    placed.attempt_count,
    placed.model,
    placed.worker_version,
    placed.is_counted,

    ---------- what it cost
    placed.total_cents,
    placed.total_usd,

    ---------- times
    placed.created_at,
    placed.started_at,
    placed.finished_at
from placed
order by placed.created_at desc, placed.run_id
