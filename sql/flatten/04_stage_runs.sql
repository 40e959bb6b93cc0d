-- From run_batch (whatever endpoint it came from) to typed rows. Money goes text -> DECIMAL. The API's own numbers are
-- doubles and come with at most 17 digits, which stay as they are; of longer ones the reader of JSON keeps 17, unless the
-- run was read field by field: then all digits are kept.
insert into stage.runs by name
with scrubbed as (

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

),

-- Named here, right below the list, so that nobody counts positions further down.
cleaned as (

    select
        * exclude (texts),
        {
            env_name: texts[1],
            version: texts[2],
            idempotency_key: texts[3],
            batch_id: texts[4],
            trigger_function: texts[5],
            ttl: texts[6],
            region: texts[7],
            task_kind: texts[8],
            error_name: texts[9],
            error_message: texts[10],
            metadata: texts[11],
            schedule_external_id: texts[12],
            schedule_deduplication_key: texts[13],
            schedule_expression: texts[14],
            schedule_description: texts[15],
            tags: texts[16:]
        } as texts
    from scrubbed

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
    texts.env_name as env_name,
    r.env.name = 'prod' as is_production,
    keyed_hash(r.env."user") as env_user_hash,
    case when is_kept('env_user') then r.env."user" end as env_user,
    first_of_run(r.createdAt, r.updatedAt, r.startedAt, r.finishedAt) as created_at,
    r.updatedAt as updated_at,
    r.startedAt as started_at,
    r.finishedAt as finished_at,
    any_instant(r.delayedUntil) as delayed_until,
    any_instant(r.expiredAt) as expired_at,
    r.costInCents::decimal(38, 20) as compute_cents,
    r.baseCostInCents::decimal(38, 20) as invocation_cents,
    r.durationMs as duration_ms,
    r.depth as depth,
    texts.version as version,
    texts.idempotency_key as idempotency_key,
    texts.batch_id as batch_id,
    texts.trigger_function as trigger_function,
    texts.ttl as ttl,
    texts.region as region,
    texts.task_kind as task_kind,
    r.attemptCount as attempt_count,
    texts.error_name as error_name,
    texts.error_message as error_message,
    keyed_hash(error_text(r.error, 'stackTrace')) as stack_trace_hash,
    length(error_text(r.error, 'stackTrace')) as stack_trace_length,
    case when is_kept('stack_trace') then error_text(r.error, 'stackTrace') end as stack_trace,
    texts.metadata::json as metadata,
    keyed_hash(r.payload::varchar) as payload_hash,
    length(r.payload::varchar) as payload_length,
    case when is_kept('payload') then r.payload end as payload,
    keyed_hash(r.output::varchar) as output_hash,
    length(r.output::varchar) as output_length,
    case when is_kept('output') then r.output end as output,
    json_extract_string(r.relatedRuns, '$.root.id') as related_root_run_id,
    json_extract_string(r.relatedRuns, '$.parent.id') as related_parent_run_id,
    json_extract_string(r.relatedRuns, '$.children[*].id') as related_child_run_ids,
    texts.schedule_external_id as schedule_external_id,
    texts.schedule_deduplication_key as schedule_deduplication_key,
    texts.schedule_expression as schedule_expression,
    texts.schedule_description as schedule_description,
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
    case when r.tags is not null then texts.tags end as tags
from cleaned
left join core.statuses as s
    on s.status = r.status;
