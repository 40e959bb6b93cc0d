"""Measures what may be an incident: one statement per kind over the marts, and what the night itself knows.

From which measure on it is one belongs to limits.py; what is kept of it to ledger.py.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelines.archive.store import Archive
from pipelines.console.number_format import count, duration, size
from pipelines.database.connection import Connection
from pipelines.database.sql_text import literal, rows, statement
from pipelines.paths import Layout
from pipelines.publish.snapshots import current_snapshot, noted_heads
from pipelines.transform.checks import CheckResult

# Who can tell which kind: each poll, the state of copy and disk at any time, each build from the marts, each night.
POLL_KINDS = ("poll_failing", "source_outage")
STATE_KINDS = ("published_stale", "disk_filling")
BUILD_KINDS = ("task_failing", "task_silent", "new_error", "run_hanging", "budget", "anomaly", "coverage_falling")
NIGHT_KINDS = ("night_failing", "check_failing", "archive_damaged")
LAKE_KINDS = ("lake_failing",)


@dataclass(frozen=True, slots=True)
class Observation:
    """One subject as it was found; `measure` is None when nobody can tell.

    `task_id` is the task whose limits hold for it where it is no task itself.
    """

    kind: str
    subject: str
    title: str
    measure: float | None
    cause: str
    completeness: str
    rows_query: str
    task_id: str | None = None


def observe(con: Connection, kinds: Sequence[str], open_subjects: Mapping[str, Sequence[str]]) -> list[Observation]:
    """Measure kinds by their statements; `open_subjects` are those with an open incident, by kind."""
    found: list[Observation] = []
    for kind in kinds:
        sql = statement("incidents/kinds", kind)
        parameters = {"open_subjects": list(open_subjects.get(kind, ()))} if "$open_subjects" in sql else {}
        found += [Observation(kind, **row) for row in rows(con.execute(sql, parameters))]
    return found


def observe_night(failed_nights: int, error: str | None, checks: Sequence[CheckResult]) -> Iterator[Observation]:
    """Measure how the night went, and the checks as far as it got."""
    cause = error or "the night went well"
    yield Observation("night_failing", "nightly", "The nightly", failed_nights, cause, "known", "")
    yield from (_check(check) for check in checks if check.severity == "error")


def observe_archive(layout: Layout) -> Observation:
    """Count the ends of the archive's chain, noted by copies that are still there, that it does not hold any more.

    An archive is read whole only by `verify`; but that its past was cut off is told the night after.
    """
    measure: int | None = None
    try:
        gone = Archive(layout.archive).chain.read().gone_of(noted_heads(layout))
        told, measure = gone[0] if gone else "it goes on from what was noted of it", len(gone)
    except OSError as error:
        told = f"it cannot be read ({error.strerror})"
    cause = told if measure == 0 else f"{told}; `recoup-warehouse verify` says more"
    return Observation("archive_damaged", "chain", "The chain of the archive", measure, cause, "known", "")


def observe_lake(error: str | None, *, has_lake: bool) -> Observation:
    """Tell whether the lake is behind what is published."""
    cause = error or ("it is up to date" if has_lake else "no lake is named any more")
    return Observation("lake_failing", "lake", "The lake", 1 if error else 0, cause, "known", "")


def observe_state(layout: Layout, now: datetime) -> Iterator[Observation]:
    """Measure the age of what people open, and the room on the disk."""
    snapshot = current_snapshot(layout)
    if snapshot is not None:
        hours = (now - snapshot.published_at).total_seconds() / 3600
        told = f"snapshot {snapshot.number} is {duration(now - snapshot.published_at)} old"
        yield Observation("published_stale", "published", "The published copy", hours, told, "known", "")
    yield _disk(layout)


def _check(check: CheckResult) -> Observation:
    relation = ".".join(check.asset)
    told = f"{count(check.failing_count, 'row')}: {check.description}" if check.failing_count else "no row breaks it"
    query = f"from core.check_results where name = {literal(check.name)} order by checked_at desc limit 20"
    return Observation(
        "check_failing",
        f"{relation} {check.name}",
        f"{relation} {check.name}",
        check.failing_count,
        told,
        "known",
        query,
    )


def _disk(layout: Layout) -> Observation:
    free = shutil.disk_usage(layout.root).free
    needed = layout.work_file.stat().st_size * 2 if layout.work_file.exists() else 0
    told = f"the next publish needs {size(needed)}, {size(free)} are free"
    return Observation("disk_filling", "disk", "The disk", needed / max(free, 1), told, "known", "")
