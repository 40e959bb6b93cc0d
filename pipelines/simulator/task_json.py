"""The tasks endpoint: tasks with their recent runs, in three shapes, and the filters of the query.

Faults are applied elsewhere (api.py).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from pipelines.simulator.documented_json import documented_run
from pipelines.simulator.fleet import Fleet
from pipelines.simulator.run_json import UPCOMING_COUNT, Json, listed_run, upcoming_after
from pipelines.simulator.runs import Run
from pipelines.simulator.time_units import database_text
from pipelines.simulator.timeline import Timeline

Shape = Literal["live", "documented", "newest"]
_KEPT_FRAGMENTS = 20_000


class TaskRows:
    """Writes the tasks of a fleet. A run that has ended never changes, so its text is kept and used again.

    `shapes` names the shape of accounts that have another one than the rest.
    """

    def __init__(self, fleet: Fleet, shape: Shape, shapes: Mapping[str, Shape]) -> None:
        self._fleet = fleet
        self._shape_of = {account: shapes.get(account, shape) for account in fleet.account_ids}
        self._written: dict[str, msgspec.Raw] = {}

    def answer(self, now_ms: int, named: Mapping[str, str], enabled: bool | None) -> bytes:
        """Return the body for the tasks that match the filters."""
        rows = [
            self._row(line, now_ms)
            for line in self._fleet.timelines
            if line.exists_at(now_ms) and _matches(line, now_ms, named, enabled)
        ]
        return msgspec.json.encode({"status": "success", "tasks": rows})

    def _row(self, line: Timeline, now_ms: int) -> Json:
        task, fields, shape = line.task, line.fields_at(now_ms), self._shape_of[line.task.account_id]
        period = line.period_at(now_ms)
        runs = line.window(now_ms)
        row: Json = {
            "id": task.task_id,
            "title": fields["title"],
            "prompt": fields["prompt"],
            "schedule": fields["cron"],
            "account_id": task.account_id,
            "artist_account_id": fields["artist_account_id"],
            "enabled": _enabled(line, now_ms),
        }
        schedule_id = None if period is None else line.periods[period].schedule_id
        written = [self._run(line, run, now_ms) for run in runs]
        upcoming = upcoming_after(line, runs[0].tick_ms, UPCOMING_COUNT) if runs else []
        if shape == "documented":
            row |= {"trigger_schedule_id": schedule_id, "recent_runs": written, "upcoming": upcoming}
            return row | {"owner_email": fields["owner_email"], "model": fields["model"]}
        created = database_text(task.created_at)
        row |= {"last_run": _stamp(task.last_run), "next_run": _stamp(task.next_run)}
        row |= {"created_at": created, "updated_at": created}
        row |= {"trigger_schedule_id": schedule_id, "model": fields["model"], "recent_runs": written}
        if shape == "newest" and period is not None and not runs:
            # Newer servers ask the schedule for its next run when there is none to read it from.
            upcoming = upcoming_after(line, now_ms, 1)
        row |= {
            "upcoming": upcoming,
            "timezone": None if period is None else line.timezone_at(period, now_ms),
        }
        if shape == "live":
            return row | {"owner_email": fields["owner_email"]}
        row |= {"trigger_lookup_failed": False, "owner_email": fields["owner_email"]}
        return row | {"artist_name": fields["artist_name"]}

    def _run(self, line: Timeline, run: Run, now_ms: int) -> msgspec.Raw:
        if now_ms < run.final_ms:
            return self._write(line, run, now_ms)
        kept = self._written.get(run.run_id)
        if kept is None:
            if len(self._written) >= _KEPT_FRAGMENTS:
                self._written.clear()
            kept = self._written[run.run_id] = self._write(line, run, now_ms)
        return kept

    def _write(self, line: Timeline, run: Run, now_ms: int) -> msgspec.Raw:
        env_id = self._fleet.env_id
        if self._shape_of[line.task.account_id] == "documented":
            return msgspec.Raw(msgspec.json.encode(documented_run(line, run, now_ms, env_id)))
        return msgspec.Raw(msgspec.json.encode(listed_run(run, now_ms, line.task.account_id, env_id)))


def _stamp(instant: datetime | None) -> str | None:
    return database_text(instant) if instant else None


def _enabled(line: Timeline, now_ms: int) -> bool | None:
    if line.period_at(now_ms) is None:
        return False
    return None if line.task.enabled_is_null else True


def _matches(line: Timeline, now_ms: int, named: Mapping[str, str], enabled: bool | None) -> bool:
    values = {
        "id": line.task.task_id,
        "account_id": line.task.account_id,
        "artist_account_id": line.fields_at(now_ms)["artist_account_id"],
    }
    if any(values[name] != wanted.lower() for name, wanted in named.items()):
        return False
    return enabled is None or _enabled(line, now_ms) is enabled
