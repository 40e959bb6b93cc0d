-- The attempts of the runs in run_batch. The server of today answers none (docs/source.md).
insert into stage.attempts by name
with unnested as (

    select
        response_number,
        position,
        observed_at,
        r.id as run_id,
        unnest(r.attempts) as a
    from run_batch

),

scrubbed as (

    select
        *,
        scrubbed_texts([error_text(a.error, 'name'), error_text(a.error, 'message')]) as texts
    from unnested

),

cleaned as (

    select
        * exclude (texts),
        {error_name: texts[1], error_message: texts[2]} as texts
    from scrubbed

)

select
    response_number,
    position,
    a.id as attempt_id,
    run_id,
    a.status as status,
    a.status in ('COMPLETED', 'FAILED', 'CANCELED') as is_final,
    first_of_run(a.createdAt, a.updatedAt, a.startedAt, a.completedAt) as created_at,
    a.updatedAt as updated_at,
    a.startedAt as started_at,
    a.completedAt as completed_at,
    texts.error_name as error_name,
    texts.error_message as error_message,
    keyed_hash(error_text(a.error, 'stackTrace')) as stack_trace_hash,
    length(error_text(a.error, 'stackTrace')) as stack_trace_length,
    case when is_kept('stack_trace') then error_text(a.error, 'stackTrace') end as stack_trace,
    observed_at as first_observed_at,
    observed_at as last_observed_at
from cleaned;
