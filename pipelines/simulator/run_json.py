"""Runs as JSON objects: the list shape and the retrieve shape; the documented one is in documented_json.py.

Optional fields are left out rather than null, as the server's `undefined` values are.
"""

from datetime import UTC, datetime
from typing import Any

from pipelines.simulator import seeded_random
from pipelines.simulator.error_objects import run_error
from pipelines.simulator.runs import Run, RunState, state_at
from pipelines.simulator.statuses import MEANINGS, helper_flags
from pipelines.simulator.time_units import DAY, SECOND, from_ms, to_ms, trigger_text
from pipelines.simulator.timeline import Timeline

TASK_IDENTIFIER = "customer-prompt-task"
UPCOMING_COUNT = 10
_METADATA_SINCE_MS = to_ms(datetime(2026, 8, 26, 12, tzinfo=UTC))
_DEPLOY_EVERY_MS = 9 * DAY

Json = dict[str, Any]


def worker_version(locked_ms: int) -> str:
    """Return the worker version deployed at an instant, like `20260826.1`."""
    return from_ms(locked_ms - locked_ms % _DEPLOY_EVERY_MS).strftime("%Y%m%d.1")


def head(run: Run, state: RunState, status: str, identifier: str) -> Json:
    """Return what each shape begins with."""
    body: Json = {"id": run.run_id, "status": status, "taskIdentifier": identifier}
    if state.dequeued_ms:
        body["version"] = worker_version(state.dequeued_ms)
    return body


def money(state: RunState) -> Json:
    """Return cost and duration."""
    # JavaScript writes the number zero as 0, not as 0.0.
    return {
        "costInCents": state.compute_cents or 0,
        "baseCostInCents": state.base_cents or 0,
        "durationMs": state.duration_ms,
    }


def tags(account_id: str, state: RunState) -> list[str]:
    """Return the tags of a run."""
    # The worker tags its run after it has read its configuration; a run that ended before has no tag.
    return [f"account:{account_id}"] if state.tagged else []


def rare_times(run: Run, state: RunState) -> Json:
    """Return the instants that few runs have."""
    rare = {}
    if run.kind == "delayed":
        rare["delayedUntil"] = trigger_text(run.phases[1][0])
    if state.status == "EXPIRED":
        rare["expiredAt"] = trigger_text(state.updated_ms)
    return rare


def _handoff(run: Run, state: RunState) -> Json:
    if state.status != "COMPLETED_SUCCESSFULLY" or state.dequeued_ms < _METADATA_SINCE_MS:
        return {}
    ids = {
        "sessionId": seeded_random.uuid(run.bits, "session"),
        "chatId": seeded_random.uuid(run.bits, "chat"),
        "workflowRunId": seeded_random.workflow_id(run.bits, "workflow"),
    }
    return {"metadata": ids}


def environment(run: Run, env_id: str) -> Json:
    """Return where a run ran: in production, or in a developer's environment."""
    if "development" in run.extras:
        return {"id": seeded_random.cuid(0, env_id), "name": "dev", "user": "developer"}
    return {"id": env_id, "name": "prod"}


def key_of(run: Run) -> str | None:
    """Return the idempotency key as its user gave it; lists show a hash of it."""
    return f"report-{run.tick_ms // DAY}-{run.bits % 997}" if "key" in run.extras else None


def depth(run: Run) -> int:
    """Return how far a run is from the root of its tree."""
    return 1 if "batch" in run.extras else 0


def trigger(run: Run) -> Json:
    """Return how a run was started: by its schedule, or as one of a batch."""
    if "batch" not in run.extras:
        return {"triggerFunction": "trigger"}
    return {"triggerFunction": "batchTriggerAndWait", "batchId": seeded_random.batch_id(run.bits, "batch")}


def related(run: Run) -> Json:
    """Return the run that started this one, and those that it started."""
    found: Json = {}
    if "batch" in run.extras:
        parent = {"id": seeded_random.run_id(run.inserted_ms - 2 * SECOND, run.bits >> 3), "status": "COMPLETED"}
        found |= {"root": parent, "parent": parent}
    if "children" in run.extras:
        child = seeded_random.run_id(run.inserted_ms + 4 * SECOND, run.bits >> 5)
        found["children"] = [{"id": child, "status": "COMPLETED"}]
    return found


def list_times(state: RunState) -> tuple[int, int]:
    """Return (startedAt, finishedAt) as lists show them: started when a worker took it; an ended run always has an end."""
    is_over = MEANINGS[state.status].is_final
    return state.started_ms or state.dequeued_ms, (state.finished_ms or state.updated_ms) if is_over else 0


def times(run: Run, state: RunState, started: int, finished: int) -> Json:
    """Return the instants of a run's life; 0 stands for one that has not come."""
    body = {"createdAt": trigger_text(run.tick_ms), "updatedAt": trigger_text(state.updated_ms)}
    if started:
        body["startedAt"] = trigger_text(started)
    if finished:
        body["finishedAt"] = trigger_text(finished)
    return body


def ttl(run: Run) -> str:
    """Return the longest time in the queue, as text."""
    return "10m" if run.kind == "expired" else "14d"


def listed_run(
    run: Run,
    now_ms: int,
    account_id: str,
    env_id: str,
    *,
    identifier: str = TASK_IDENTIFIER,
    task_kind: str = "SCHEDULED",
    idempotency_key: str | None = None,
) -> Json:
    """Write a run as lists do."""
    state = state_at(run, now_ms)
    meaning = MEANINGS[state.status]
    body = head(run, state, meaning.listed, identifier)
    body |= times(run, state, *list_times(state)) | rare_times(run, state)
    if idempotency_key := idempotency_key or key_of(run):
        body["idempotencyKey"] = f"{seeded_random.hash_128(idempotency_key, 0):032x}"
    body |= {"isTest": run.is_test, "ttl": ttl(run), "env": environment(run, env_id)}
    body |= {"tags": tags(account_id, state), **money(state), "depth": depth(run), **_handoff(run, state)}
    body["taskKind"] = task_kind
    if state.dequeued_ms:
        body["region"] = "us-east-1"
    return body | helper_flags(meaning.listed_helpers)


def retrieved_run(
    run: Run,
    now_ms: int,
    account_id: str,
    extra: Json,
    *,
    identifier: str = TASK_IDENTIFIER,
    idempotency_key: str | None = None,
) -> Json:
    """Write a run as the single-run endpoint does; `extra` holds payload, schedule and the like."""
    state = state_at(run, now_ms)
    meaning = MEANINGS[state.status]
    body = head(run, state, meaning.retrieved, identifier)
    if idempotency_key := idempotency_key or key_of(run):
        body["idempotencyKey"] = idempotency_key
    body |= helper_flags(meaning.retrieved_helpers) | {"isTest": run.is_test}
    body |= times(run, state, state.started_ms, state.finished_ms) | rare_times(run, state)
    body |= {"ttl": ttl(run), "tags": tags(account_id, state), **money(state), "depth": depth(run)}
    body |= _handoff(run, state) | trigger(run)
    error = run_error(run) if meaning.is_final else None
    parts = {"payload": extra.get("payload"), "output": extra.get("output"), "error": error}
    parts |= {"schedule": extra.get("schedule")}
    body |= {name: part for name, part in parts.items() if part is not None}
    return body | {"relatedRuns": extra["relatedRuns"], "attemptCount": state.attempt_count}


def scheduled_extra(timeline: Timeline, run: Run, now_ms: int) -> Json:
    """Return payload, schedule and relations of a scheduled run."""
    extra: Json = {"payload": _payload(timeline, run), "relatedRuns": {"children": [], **related(run)}}
    period = timeline.period_at(now_ms)
    # The server looks up the schedule at each request, so it is absent once the schedule was deleted or replaced.
    if period is not None and timeline.periods[period].schedule_id == run.schedule_id:
        cron = timeline.fields_at(now_ms)["cron"]
        extra["schedule"] = {
            "id": run.schedule_id,
            "externalId": timeline.task.task_id,
            "deduplicationKey": timeline.task.task_id,
            "generator": {"type": "CRON", "expression": cron, "description": describe_cron(cron)},
        }
    return extra


def _payload(timeline: Timeline, run: Run) -> Json:
    segment = timeline.segment_at(run.tick_ms)
    if segment is None:  # pragma: no cover - every run lies in a segment
        raise LookupError(run.run_id)
    previous = segment.ticks.before(run.tick_ms // SECOND)
    payload: Json = {
        "scheduleId": run.schedule_id,
        "type": "IMPERATIVE",
        "timestamp": trigger_text(run.tick_ms),
    }
    if previous is not None and previous * SECOND >= segment.from_ms:
        payload["lastTimestamp"] = trigger_text(previous * SECOND)
    payload |= {"externalId": timeline.task.task_id, "timezone": segment.timezone}
    return payload | {"upcoming": upcoming_after(timeline, run.tick_ms, UPCOMING_COUNT)}


def upcoming_after(timeline: Timeline, instant_ms: int, count: int) -> list[str]:
    """Return the next ticks by the schedule in force at an instant, as the API writes them."""
    segment = timeline.segment_at(instant_ms)
    if segment is None:
        return []
    return [trigger_text(second * SECOND) for second in segment.ticks.after(instant_ms // SECOND, count)]


def describe_cron(expression: str) -> str:
    """Return a daily cron in English, or the expression itself."""
    minute, hour, *rest = expression.split()
    if rest == ["*", "*", "*"] and minute.isdigit() and hour.isdigit():
        return f"At {int(hour) % 12 or 12:02d}:{int(minute):02d} {'AM' if int(hour) < 12 else 'PM'}"
    return f"By cron {expression}"
