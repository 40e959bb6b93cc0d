"""Flattening by hand in Python, for the peers that take rows: one list of values per column, then Arrow."""

import json
from typing import Any

import pyarrow as pa

INSTANT = pa.timestamp("us", tz="UTC")
TASK = {
    name: pa.string()
    for name in (
        "id", "title", "prompt", "schedule", "account_id", "artist_account_id", "trigger_schedule_id", "owner_email",
        "model",
    )
} | {"enabled": pa.bool_()}  # fmt: skip
RUN_NAMES = {
    "id": "id", "status": "status", "taskIdentifier": "task_identifier", "createdAt": "created_at",
    "updatedAt": "updated_at", "startedAt": "started_at", "finishedAt": "finished_at", "version": "version",
    "isTest": "is_test", "idempotencyKey": "idempotency_key", "ttl": "ttl", "costInCents": "cost_in_cents",
    "baseCostInCents": "base_cost_in_cents", "durationMs": "duration_ms", "depth": "depth",
    "triggerFunction": "trigger_function",
}  # fmt: skip
OPAQUE = {name: name for name in ("metadata", "payload", "output", "error")} | {"relatedRuns": "related_runs"}
MONEY = pa.decimal128(38, 20)
TYPES = {
    **{"is_test": pa.bool_(), "duration_ms": pa.int64(), "depth": pa.int32(), "tick_at": INSTANT},
    **{"cost_in_cents": MONEY, "base_cost_in_cents": MONEY},
    **{f"{name}_at": INSTANT for name in ("created", "updated", "started", "finished", "completed")},
}
ATTEMPT_NAMES = {
    "id": "id", "status": "status", "createdAt": "created_at", "updatedAt": "updated_at", "startedAt": "started_at",
    "completedAt": "completed_at",
}  # fmt: skip


def rows_of(tasks: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return rows per table. Money stays text, so that it becomes an exact DECIMAL."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ("tasks", "runs", "attempts", "tags", "upcoming")}
    for task in tasks:
        rows["tasks"].append({name: task.get(name) for name in TASK})
        rows["upcoming"] += [{"task_id": task["id"], "tick_at": tick} for tick in task.get("upcoming") or ()]
        for run in task.get("recent_runs") or ():
            rows["runs"].append(_run(task["id"], run))
            rows["tags"] += [{"run_id": run["id"], "tag": tag} for tag in run.get("tags") or ()]
            rows["attempts"] += [_attempt(run["id"], attempt) for attempt in run.get("attempts") or ()]
    return rows


def arrow(rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows as typed Arrow; what is still text is cast by Arrow."""
    names = list(rows[0]) if rows else []
    return pa.table({name: _column([row[name] for row in rows], TYPES.get(name)) for name in names})


def _column(values: list[Any], wanted: pa.DataType | None) -> pa.Array:
    if wanted is None:
        return pa.array(values)
    is_text = any(isinstance(value, str) for value in values)
    return pa.array(values, pa.string()).cast(wanted) if is_text else pa.array(values, wanted)


def _run(task_id: str, run: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"task_id": task_id}
    row |= {column: run.get(name) for name, column in RUN_NAMES.items()}
    for name in ("ttl", "cost_in_cents", "base_cost_in_cents"):
        row[name] = None if row[name] is None else str(row[name])
    for name, column in OPAQUE.items():
        row[column] = json.dumps(run[name]) if run.get(name) is not None else None
    env, schedule = run.get("env") or {}, run.get("schedule") or {}
    return row | {"env_id": env.get("id"), "env_name": env.get("name"), "schedule_id": schedule.get("id")}


def _attempt(run_id: str, attempt: dict[str, Any]) -> dict[str, Any]:
    error = attempt.get("error")
    row = {column: attempt.get(name) for name, column in ATTEMPT_NAMES.items()}
    return {"run_id": run_id, **row, "error": None if error is None else json.dumps(error)}
