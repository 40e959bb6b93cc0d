"""Builders of response bodies, every field overridable, and a harness that loads them as polls. No assertions here."""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import HealthCheck, settings

from pipelines.archive.poll_record import PollEnd, PollRecord
from pipelines.archive.store import Archive
from pipelines.database.core_schema import apply_core
from pipelines.load.poll_rows import PollSummary
from pipelines.load.session import Loader
from pipelines.recoup.endpoints import Request, Response
from pipelines.settings import Settings

# The fast suite tries few cases; `make test-slow` and CI try many.
EXAMPLES = int(os.environ.get("RECOUP_TEST_EXAMPLES", "2"))
few = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

NOON = datetime(2026, 8, 20, 12, tzinfo=UTC)
ACCOUNT = "848cd58d-700f-4b38-ab4c-d9f52a1b2c3d"


def iso(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def run(run_id: str = "run_1", created: datetime = NOON - timedelta(hours=3), **over: Any) -> dict[str, Any]:
    """A run in the list shape; a value of ... removes the key."""
    row = {
        "id": run_id,
        "status": "COMPLETED",
        "taskIdentifier": "customer-prompt-task",
        "createdAt": iso(created),
        "updatedAt": iso(created + timedelta(seconds=30)),
        "startedAt": iso(created + timedelta(seconds=2)),
        "finishedAt": iso(created + timedelta(seconds=30)),
        "isTest": False,
        "env": {"id": "env_1", "name": "prod"},
        "tags": [f"account:{ACCOUNT}"],
        "costInCents": 0.03718,
        "baseCostInCents": 0.0025,
        "durationMs": 22000,
        "depth": 0,
    } | over
    return {name: value for name, value in row.items() if value is not ...}


def task(task_id: str = "task_1", runs: Sequence[dict[str, Any]] = (), **over: Any) -> dict[str, Any]:
    """A task in the shape of today; a value of ... removes the key."""
    row = {
        "id": task_id,
        "title": f"Title of {task_id}",
        "prompt": "Write the report.",
        "schedule": "0 9 * * *",
        "account_id": ACCOUNT,
        "artist_account_id": "artist_1",
        "enabled": True,
        "created_at": "2026-05-04T14:11:09.482913+00:00",
        "updated_at": "2026-05-04T14:11:09.482913+00:00",
        "trigger_schedule_id": f"sched_{task_id}",
        "model": None,
        "recent_runs": list(runs),
        "upcoming": [],
        "timezone": "UTC",
        "owner_email": "owner@label.example",
    } | over
    return {name: value for name, value in row.items() if value is not ...}


def body(tasks: Sequence[dict[str, Any]]) -> bytes:
    return json.dumps({"status": "success", "tasks": list(tasks)}).encode()


def runs_body(runs: Sequence[dict[str, Any]]) -> bytes:
    return json.dumps({"status": "success", "runs": list(runs)}).encode()


class LoadHarness:
    """A warehouse in memory fed by hand-made polls, through the real archive, gate and flatten."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = Settings.load(warehouse_dir=folder, privacy_key="test", **settings)
        self.settings.layout.prepare()
        self.archive = Archive(self.settings.layout.archive)
        self.con = duckdb.connect()
        # On so few rows DuckDB's threads mostly wait for each other.
        self.con.execute("set timezone = 'UTC'; set threads = 1")
        apply_core(self.con)

    def archive_poll(
        self, at: datetime, *bodies: bytes, end: PollEnd | None = None, kinds: Sequence[str] = (), **scope: Any
    ) -> PollRecord:
        """Archive bodies as one poll without loading it."""
        start = {"source": "file", "is_full_scope": True, "account_ids": []} | scope
        writer = self.archive.start_poll(at, **start)
        requests = {"tasks": Request.tasks(), "runs": Request.runs(ACCOUNT), "run": Request.run("run_1")}
        for number, content in enumerate(bodies):
            kind = kinds[number] if kinds else "tasks"
            writer.add(Response(requests[kind], 200, content, at, at, 1))
        return writer.finish(end or PollEnd(at, True))

    def poll(self, at: datetime, tasks: Sequence[dict[str, Any]], **scope: Any) -> PollSummary:
        """Load tasks as one poll; return its row of core.polls."""
        return self.load(self.archive_poll(at, body(tasks), **scope))

    def load(self, record: PollRecord) -> PollSummary:
        return self.loader().load(record)

    def loader(self) -> Loader:
        return Loader.of(self.con, self.settings)

    def replay(self) -> "LoadHarness":
        """Return another harness over the same archive, loaded anew in poll order."""
        other = LoadHarness(self.settings.warehouse_dir)
        for poll_id in self.archive.poll_ids():
            record = self.archive.poll(poll_id)
            assert record is not None
            other.load(record)
        return other

    def rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        cursor = self.con.execute(query, list(parameters))
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def one(self, query: str, *parameters: Any) -> Any:
        row = self.con.execute(query, list(parameters)).fetchone()
        return None if row is None else row[0]

    def dump(self, *without: str) -> dict[str, list[tuple[Any, ...]]]:
        """Return every core table as sorted rows."""
        tables = self.con.execute(
            "select table_name from duckdb_tables() where schema_name = 'core' order by 1"
        ).fetchall()
        return {
            name: sorted(self.con.execute(f"from core.{name}").fetchall(), key=repr)
            for (name,) in tables
            if name not in without
        }
