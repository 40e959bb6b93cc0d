"""Runs as the endpoint is documented: attempts, payload, output and error inside the list.

What the server sends today is in run_json.py. Optional fields are left out rather than null.
"""

from pipelines.simulator import seeded_random
from pipelines.simulator.error_objects import run_error, thrown_error
from pipelines.simulator.run_json import (
    TASK_IDENTIFIER,
    Json,
    depth,
    environment,
    head,
    key_of,
    list_times,
    money,
    rare_times,
    related,
    tags,
    times,
    trigger,
    ttl,
)
from pipelines.simulator.runs import Run, RunState, state_at
from pipelines.simulator.statuses import MEANINGS
from pipelines.simulator.time_units import trigger_text
from pipelines.simulator.timeline import Timeline


def documented_run(timeline: Timeline, run: Run, now_ms: int, env_id: str) -> Json:
    """Write a run as the endpoint is documented: attempts, payload, output and error inside the list."""
    state = state_at(run, now_ms)
    started, finished = list_times(state)
    body = head(run, state, MEANINGS[state.status].listed, TASK_IDENTIFIER)
    body |= times(run, state, started, 0) | rare_times(run, state) | {"isTest": run.is_test}
    if key := key_of(run):
        body["idempotencyKey"] = key
    # The documentation leaves ttl untyped: a text or a number of seconds.
    body["ttl"] = ttl(run) if run.bits & 1 else 600
    body["tags"] = tags(timeline.task.account_id, state)
    body["metadata"] = {"progress": 1, "steps": ["fetch", "generate", "send"]}
    body |= {**money(state), "env": environment(run, env_id), "depth": depth(run), **trigger(run)}
    segment = timeline.segment_at(run.tick_ms)
    body["payload"] = {"externalId": timeline.task.task_id, "timezone": segment.timezone if segment else "UTC"}
    body["attempts"] = [attempt(run, state, number, now_ms) for number in reversed(range(state.attempt_count))]
    body |= {"schedule": {"id": run.schedule_id}, "relatedRuns": related(run)}
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
