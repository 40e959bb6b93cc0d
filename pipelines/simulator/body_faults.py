"""Faults inside an answer that looks right: what each kind does to the tasks of a body.

When a fault is in force is in faults.py.
"""

import copy
from collections.abc import Callable
from datetime import datetime
from typing import Any

from pipelines.simulator.time_units import to_ms, trigger_text

Tasks = list[dict[str, Any]]


def _emptied(tasks: Tasks) -> None:
    for task in tasks:
        # The server does not look up a task without a schedule, so its answer stays the same.
        if task["trigger_schedule_id"] is not None:
            task["recent_runs"], task["upcoming"] = [], []
            if "timezone" in task:
                task["timezone"] = None


def _silent(tasks: Tasks) -> None:
    """Answer as servers did before they told of a failed look-up: one that tells is not silent."""
    _emptied(tasks)
    for task in tasks:
        task.pop("trigger_lookup_failed", None)


def _lookup_failed(tasks: Tasks) -> None:
    _emptied(tasks)
    for task in tasks:
        if "trigger_lookup_failed" in task and task["trigger_schedule_id"] is not None:
            task["trigger_lookup_failed"] = True


def _no_zone(tasks: Tasks) -> None:
    for task in tasks:
        if "timezone" in task:
            task["timezone"] = None


def _newest_unread(tasks: Tasks) -> None:
    for task in tasks:
        task["upcoming"] = []


def _unknown_fields(tasks: Tasks) -> None:
    for task in tasks:
        task["priority"] = {"level": 3, "reason": "plan"}
        for run in task["recent_runs"]:
            run["queuePosition"] = 7


def _newest_run(tasks: Tasks) -> list[dict[str, Any]]:
    """Return the newest run of the first task that has one (or nothing)."""
    return next((task["recent_runs"][:1] for task in tasks if task["recent_runs"]), [])


def _unknown_status(tasks: Tasks) -> None:
    for run in _newest_run(tasks):
        run["status"] = "HIBERNATING"


def _bad_run(tasks: Tasks) -> None:
    for run in _newest_run(tasks):
        run |= {"createdAt": "yesterday", "costInCents": "free"}


def _bad_status(tasks: Tasks) -> None:
    for run in _newest_run(tasks):
        run["status"] = None


def _bad_duration(tasks: Tasks) -> None:
    for run in _newest_run(tasks):
        run["durationMs"] = "half a minute"


def _bad_attempt(tasks: Tasks) -> None:
    for run in _newest_run(tasks):
        for attempt in run.get("attempts", [])[:1]:
            attempt["createdAt"] = "a moment ago"


def _schedule_in_words(tasks: Tasks) -> None:
    # The server demands no more of a schedule than that it is not empty.
    for task in tasks:
        task["schedule"] = "every two hours, please"


def _bad_task(tasks: Tasks) -> None:
    if tasks:
        tasks[0] |= {"id": None, "title": 42}


def _duplicate_task(tasks: Tasks) -> None:
    if tasks:
        tasks.append(copy.deepcopy(tasks[0]))


def _duplicate_run(tasks: Tasks) -> None:
    """Repeat the newest run in an older state: the one with the later updatedAt is right."""
    for run in _newest_run(tasks):
        # Not the creation: a run that is inserted early was updated before that.
        before = trigger_text(to_ms(datetime.fromisoformat(run["updatedAt"])) - 1)
        older = copy.deepcopy(run) | {"status": "QUEUED", "updatedAt": before}
        older |= {"costInCents": 0, "baseCostInCents": 0, "durationMs": 0}
        for name in ("startedAt", "finishedAt", "version", "metadata", "output", "error", "attempts"):
            older.pop(name, None)
        next(task["recent_runs"] for task in tasks if task["recent_runs"]).append(older)


# These change the content of an answer that looks right.
INSIDE: dict[str, Callable[[Tasks], None]] = {
    "silent_outage": _silent,
    "lookup_failed": _lookup_failed,
    "schedule_read_failed": _no_zone,
    "newest_run_read_failed": _newest_unread,
    "unknown_fields": _unknown_fields,
    "unknown_status": _unknown_status,
    "bad_run": _bad_run,
    "bad_status": _bad_status,
    "bad_duration": _bad_duration,
    "bad_attempt": _bad_attempt,
    "schedule_in_words": _schedule_in_words,
    "bad_task": _bad_task,
    "duplicate_task": _duplicate_task,
    "duplicate_run": _duplicate_run,
}
