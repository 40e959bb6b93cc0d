-- From run_batch (whatever endpoint it came from) to typed rows. Money goes text -> DECIMAL, so that it never is a DOUBLE.
insert into stage.runs by name
with cleaned as (

    select
        *,
        scrubbed_texts(
            list_concat(
                [
                    r.env.name,
                    r.version,
                    r.idempotencyKey,
                    r.batchId,
                    r.triggerFunction,
                    r.ttl,
                    r.region,
                    r.taskKind,
                    error_text(r.error, 'name'),
                    error_text(r.error, 'message'),
                    r.metadata::varchar,
                    r.schedule.externalId,
                    r.schedule.deduplicationKey,
                    r.schedule.generator.expression,
                    r.schedule.generator.description
                ],
                r.tags
            )
        ) as texts
    from run_batch

)

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
    texts[1] as env_name,
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
    texts[2] as version,
    texts[3] as idempotency_key,
    texts[4] as batch_id,
    texts[5] as trigger_function,
    texts[6] as ttl,
    texts[7] as region,
    texts[8] as task_kind,
    r.attemptCount as attempt_count,
    texts[9] as error_name,
    texts[10] as error_message,
    keyed_hash(error_text(r.error, 'stackTrace')) as stack_trace_hash,
    length(error_text(r.error, 'stackTrace')) as stack_trace_length,
    case when is_kept('stack_trace') then error_text(r.error, 'stackTrace') end as stack_trace,
    texts[11]::json as metadata,
    keyed_hash(r.payload::varchar) as payload_hash,
    length(r.payload::varchar) as payload_length,
    case when is_kept('payload') then r.payload end as payload,
    keyed_hash(r.output::varchar) as output_hash,
    length(r.output::varchar) as output_length,
    case when is_kept('output') then r.output end as output,
    json_extract_string(r.relatedRuns, '$.root.id') as related_root_run_id,
    json_extract_string(r.relatedRuns, '$.parent.id') as related_parent_run_id,
    json_extract_string(r.relatedRuns, '$.children[*].id') as related_child_run_ids,
    texts[12] as schedule_external_id,
    texts[13] as schedule_deduplication_key,
    texts[14] as schedule_expression,
    texts[15] as schedule_description,
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
    case when r.tags is not null then texts[16:] end as tags
from cleaned
left join core.statuses as s
    on s.status = r.status;
