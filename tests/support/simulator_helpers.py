"""Shortcuts for the simulator's own tests. Nothing of the product is imported here."""

import json
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from pipelines.simulator import Fleet, SimRun, SimTask, Simulator

KEY = "recoup_sk_simulated"
HEADERS = {"x-api-key": KEY}
HELPERS = {"isQueued", "isExecuting", "isWaiting", "isCompleted", "isSuccess", "isFailed", "isCancelled"}
TASKS = "/api/tasks"
START = datetime(2026, 8, 17, tzinfo=UTC)
TASK = "0a81abcb-50cc-411b-935c-b2a9ba4ae623"
OTHER_TASK = "702b334e-13d5-444d-8260-1d3cc9980121"
OTHER_ACCOUNT = "11111111-2222-4333-8444-555555555555"
# Which part of the longest simulated times is lived through; CI takes less than all.
PART = float(os.environ.get("RECOUP_TEST_PART", "1"))


def at(*, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> datetime:
    """Return an instant after START."""
    return START + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def one_task(**fields: Any) -> Simulator:
    """Return a simulator with one task, at START."""
    shape = fields.pop("shape", "live")
    return Simulator(Fleet([SimTask(task_id=TASK, **fields)], seed=1, start=START), shape=shape)


def get(sim: Simulator, path: str = TASKS, *, status: int = 200, **query: str) -> Any:
    """Return the decoded body of one answer; numbers exactly as written."""
    answer = sim.answer(path, query, HEADERS)
    assert answer.status == status, answer.body[:300]
    return json.loads(answer.body, parse_float=Decimal)


def tasks(sim: Simulator, **query: str) -> list[dict[str, Any]]:
    """Return the tasks of one answer."""
    rows: list[dict[str, Any]] = get(sim, TASKS, status=200, **query)["tasks"]
    return rows


def recent(sim: Simulator) -> list[dict[str, Any]]:
    """Return the runs of the first task."""
    runs: list[dict[str, Any]] = tasks(sim)[0]["recent_runs"]
    return runs


def stated(kind: str, **fields: Any) -> Simulator:
    """Return a simulator with one run of a kind, created one hour after START."""
    return one_task(cron="0 * * * *", runs=(SimRun(created_at=at(hours=1), kind=kind),), **fields)
