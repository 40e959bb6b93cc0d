"""Runs as JSON objects: the list shape, the retrieve shape, and the documented shape with attempts inside.

Optional fields are left out rather than null, as the server's `undefined` values are.
"""

from datetime import UTC, datetime
from typing import Any

from pipelines.simulator import seeded_random
from pipelines.simulator.error_objects import run_error, thrown_error
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


def _head(run: Run, state: RunState, status: str, identifier: str) -> Json:
    body: Json = {"id": run.run_id, "status": status, "taskIdentifier": identifier}
    if state.dequeued_ms:
        body["version"] = worker_version(state.dequeued_ms)
    return body


def _money(state: RunState) -> Json:
    # JavaScript writes the number zero as 0, not as 0.0.
    return {
        "costInCents": state.compute_cents or 0,
        "baseCostInCents": state.base_cents or 0,
        "durationMs": state.duration_ms,
    }


def _tags(account_id: str, state: RunState) -> list[str]:
    # The worker tags its run after it has read its configuration; a run that ended before has no tag.
    return [f"account:{account_id}"] if state.tagged else []


def _rare_times(run: Run, state: RunState) -> Json:
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


def list_times(state: RunState) -> tuple[int, int]:
    """Return (startedAt, finishedAt) as lists show them: started when a worker took it; an ended run always has an end."""
    is_over = MEANINGS[state.status].is_final
    return state.started_ms or state.dequeued_ms, (state.finished_ms or state.updated_ms) if is_over else 0


def _times(run: Run, state: RunState, started: int, finished: int) -> Json:
    body = {"createdAt": trigger_text(run.tick_ms), "updatedAt": trigger_text(state.updated_ms)}
    if started:
        body["startedAt"] = trigger_text(started)
    if finished:
        body["finishedAt"] = trigger_text(finished)
    return body


def _ttl(run: Run) -> str:
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
    body = _head(run, state, meaning.listed, identifier)
    body |= _times(run, state, *list_times(state)) | _rare_times(run, state)
    if idempotency_key:
        body["idempotencyKey"] = f"{seeded_random.hash_128(idempotency_key, 0):032x}"
    body |= {"isTest": run.is_test, "ttl": _ttl(run), "env": {"id": env_id, "name": "prod"}}
    body |= {"tags": _tags(account_id, state), **_money(state), "depth": 0, **_handoff(run, state)}
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
    body = _head(run, state, meaning.retrieved, identifier)
    if idempotency_key:
        body["idempotencyKey"] = idempotency_key
    body |= helper_flags(meaning.retrieved_helpers) | {"isTest": run.is_test}
    body |= _times(run, state, state.started_ms, state.finished_ms) | _rare_times(run, state)
    body |= {"ttl": _ttl(run), "tags": _tags(account_id, state), **_money(state), "depth": 0}
    body |= _handoff(run, state) | {"triggerFunction": "trigger"}
    error = run_error(run) if meaning.is_final else None
    parts = {"payload": extra.get("payload"), "output": extra.get("output"), "error": error}
    parts |= {"schedule": extra.get("schedule")}
    body |= {name: part for name, part in parts.items() if part is not None}
    return body | {"relatedRuns": extra["relatedRuns"], "attemptCount": state.attempt_count}


def scheduled_extra(timeline: Timeline, run: Run, now_ms: int) -> Json:
    """Return payload, schedule and relations of a scheduled run."""
    extra: Json = {"payload": _payload(timeline, run), "relatedRuns": {"children": []}}
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


def documented_run(timeline: Timeline, run: Run, now_ms: int, env_id: str) -> Json:
    """Write a run as the endpoint is documented: attempts, payload, output and error inside the list."""
    state = state_at(run, now_ms)
    started, finished = list_times(state)
    body = _head(run, state, MEANINGS[state.status].listed, TASK_IDENTIFIER)
    body |= _times(run, state, started, 0) | _rare_times(run, state) | {"isTest": run.is_test}
    # The documentation leaves ttl untyped: a text or a number of seconds.
    body["ttl"] = _ttl(run) if run.bits & 1 else 600
    body["tags"] = _tags(timeline.task.account_id, state)
    body["metadata"] = {"progress": 1, "steps": ["fetch", "generate", "send"]}
    body |= {**_money(state), "env": {"id": env_id, "name": "prod"}, "depth": 0, "triggerFunction": "trigger"}
    segment = timeline.segment_at(run.tick_ms)
    body["payload"] = {"externalId": timeline.task.task_id, "timezone": segment.timezone if segment else "UTC"}
    body["attempts"] = [attempt(run, state, number, now_ms) for number in reversed(range(state.attempt_count))]
    body |= {"schedule": {"id": run.schedule_id}, "relatedRuns": {}}
    return body | _ending(run, state, finished)


def _ending(run: Run, state: RunState, finished: int) -> Json:
    body: Json = {"finishedAt": trigger_text(finished)} if finished else {}
    error = run_error(run) if MEANINGS[state.status].is_final else None
    if state.status == "COMPLETED_SUCCESSFULLY":
        body["output"] = "ok" if run.bits & 2 else {"text": "report sent"}
    if error:
        body["error"] = error
    return body


_LAST_ATTEMPT = {"succeeded": "COMPLETED", "cancelled": "CANCELED"}


def attempt(run: Run, state: RunState, number: int, now_ms: int) -> Json:
    """Write one attempt of the documented shape."""
    start, end = run.attempts[number]
    is_last = number == len(run.attempts) - 1
    outcome = MEANINGS[run.phases[-1][1]].outcome
    has_ended = MEANINGS[state.status].is_final if is_last else end <= now_ms
    status = (_LAST_ATTEMPT.get(outcome, "FAILED") if is_last else "FAILED") if has_ended else "EXECUTING"
    body: Json = {
        "id": seeded_random.attempt_id(run.bits, f"attempt {number}"),
        "status": status,
        "createdAt": trigger_text(start),
        "updatedAt": trigger_text(end + 12 if has_ended else start + 90),
        "startedAt": trigger_text(start + 90),
    }
    if has_ended:
        body["completedAt"] = trigger_text(end)
    if status == "FAILED":
        body["error"] = (run_error(run) if is_last else None) or thrown_error(run)
    return body
