-- From run_batch (whatever endpoint it came from) to typed rows. Money goes text -> DECIMAL, so that it never is a DOUBLE.
insert into stage.runs by name
select
    response_number,
    position,
    r.id as run_id,
    task_id,
    coalesce(r.schedule.id, schedule_id) as schedule_id,
    r.taskIdentifier as task_identifier,
    r.status as status,
    coalesce(s.outcome, 'unknown') as outcome,
    coalesce(s.is_final, false) as is_final,
    r.isTest as is_test,
    r.env.id as env_id,
    scrubbed_label(r.env.name) as env_name,
    r.env.name = 'prod' as is_production,
    keyed_hash(r.env."user") as env_user_hash,
    case when is_kept('env_user') then r.env."user" end as env_user,
    r.createdAt as created_at,
    r.updatedAt as updated_at,
    r.startedAt as started_at,
    r.finishedAt as finished_at,
    r.delayedUntil as delayed_until,
    r.expiredAt as expired_at,
    r.costInCents::decimal(38, 20) as compute_cents,
    r.baseCostInCents::decimal(38, 20) as invocation_cents,
    r.durationMs as duration_ms,
    r.depth as depth,
    scrubbed_label(r.version) as version,
    scrubbed(r.idempotencyKey) as idempotency_key,
    scrubbed_label(r.batchId) as batch_id,
    scrubbed_label(r.triggerFunction) as trigger_function,
    scrubbed_label(r.ttl) as ttl,
    scrubbed_label(r.region) as region,
    scrubbed_label(r.taskKind) as task_kind,
    r.attemptCount as attempt_count,
    scrubbed(error_text(r.error, 'name')) as error_name,
    scrubbed(error_text(r.error, 'message')) as error_message,
    keyed_hash(error_text(r.error, 'stackTrace')) as stack_trace_hash,
    length(error_text(r.error, 'stackTrace')) as stack_trace_length,
    case when is_kept('stack_trace') then error_text(r.error, 'stackTrace') end as stack_trace,
    scrubbed(r.metadata::varchar)::json as metadata,
    keyed_hash(r.payload::varchar) as payload_hash,
    length(r.payload::varchar) as payload_length,
    case when is_kept('payload') then r.payload end as payload,
    keyed_hash(r.output::varchar) as output_hash,
    length(r.output::varchar) as output_length,
    case when is_kept('output') then r.output end as output,
    json_extract_string(r.relatedRuns, '$.root.id') as related_root_run_id,
    json_extract_string(r.relatedRuns, '$.parent.id') as related_parent_run_id,
    json_extract_string(r.relatedRuns, '$.children[*].id') as related_child_run_ids,
    scrubbed_label(r.schedule.externalId) as schedule_external_id,
    scrubbed(r.schedule.deduplicationKey) as schedule_deduplication_key,
    scrubbed_label(r.schedule.generator.expression) as schedule_expression,
    scrubbed(r.schedule.generator.description) as schedule_description,
    r.isQueued as is_queued,
    r.isExecuting as is_executing,
    r.isWaiting as is_waiting,
    r.isCompleted as is_completed,
    r.isSuccess as is_success,
    r.isFailed as is_failed,
    r.isCancelled as is_cancelled,
    found_by,
    getvariable('poll_id') as first_poll_id,
    observed_at as first_observed_at,
    observed_at as last_observed_at,
    case when r.attemptCount is not null or r.triggerFunction is not null then observed_at end as details_observed_at,
    list_transform(r.tags, lambda tag: scrubbed(tag)) as tags
from run_batch
left join core.statuses as s
    on s.status = r.status;

insert into stage.attempts by name
with unnested as (

    select
        response_number,
        position,
        observed_at,
        r.id as run_id,
        unnest(r.attempts) as a
    from run_batch

)

select
    response_number,
    position,
    a.id as attempt_id,
    run_id,
    a.status as status,
    a.status in ('COMPLETED', 'FAILED', 'CANCELED') as is_final,
    a.createdAt as created_at,
    a.updatedAt as updated_at,
    a.startedAt as started_at,
    a.completedAt as completed_at,
    scrubbed(error_text(a.error, 'name')) as error_name,
    scrubbed(error_text(a.error, 'message')) as error_message,
    keyed_hash(error_text(a.error, 'stackTrace')) as stack_trace_hash,
    length(error_text(a.error, 'stackTrace')) as stack_trace_length,
    case when is_kept('stack_trace') then error_text(a.error, 'stackTrace') end as stack_trace,
    observed_at as first_observed_at,
    observed_at as last_observed_at
from unnested;
