"""A small warehouse to publish from: runs, polls and a mart that always agree. No assertions here."""

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

from pipelines.clock import Clock, fixed
from pipelines.database.connection import Warehouse, open_published
from pipelines.paths import Layout
from pipelines.publish.publisher import publish
from pipelines.publish.snapshots import Snapshot

NOON = datetime(2026, 8, 20, 12, tzinfo=UTC)


def add_runs(layout: Layout, count: int) -> None:
    """Add runs, and note the new total in core.polls and in a mart: three numbers that always agree."""
    with Warehouse(layout).write() as con:
        con.execute("begin")
        con.execute("create schema if not exists core; create schema if not exists marts")
        con.execute("create table if not exists core.runs (run_id bigint)")
        con.execute("create table if not exists core.polls (run_count bigint)")
        con.execute("insert into core.runs select range from range(?)", [count])
        con.execute("insert into core.polls select count(*) from core.runs")
        con.execute("create or replace table marts.copy as select run_id from core.runs")
        con.execute("commit")


at_noon = fixed(NOON)


def publish_as_it_is(
    layout: Layout, *, clock: Clock = at_noon, kept: int = 3, lock_wait_seconds: float = 5, **options: Any
) -> Snapshot:
    """Publish without a build and without the product's checks; the copy is read whole all the same."""
    warehouse = Warehouse(layout, lock_wait_seconds=lock_wait_seconds)
    return publish(warehouse, kept=kept, clock=clock, prepare=lambda _: None, audit=lambda _: None, **options)


def publish_at(layout: Layout, now: datetime = NOON, kept: int = 3) -> Snapshot:
    return publish_as_it_is(layout, clock=fixed(now), kept=kept)


def published_runs(layout: Layout) -> int:
    with open_published(layout) as con:
        return int(con.execute("select count(*) from core.runs").fetchall()[0][0])


def leftovers(layout: Layout) -> list[str]:
    hidden = [entry.name for entry in layout.snapshots.iterdir() if entry.name.startswith(".")]
    return hidden + [entry.name for entry in layout.root.iterdir() if entry.name.startswith(".")]


def run_child(code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
