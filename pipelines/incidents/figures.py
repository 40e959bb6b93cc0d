"""Figures for a monitor, in Prometheus' text format: when all was last well, what is open, how complete, how big.

No name, id or address is in them, since a monitor is read by many. What is not known has no sample: absent is not zero.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from pipelines.atomic_write import write_whole
from pipelines.clock import Clock
from pipelines.database.connection import open_published
from pipelines.database.sql_text import Row, first_row, statement
from pipelines.errors import NothingPublished
from pipelines.incidents.ledger import newest, undelivered
from pipelines.incidents.limits import read_limits
from pipelines.incidents.night_facts import kept_sizes, last_good_night
from pipelines.paths import Layout
from pipelines.publish.snapshots import current_snapshot
from pipelines.schedule.poll_interval import read_state
from pipelines.settings import Settings

READABLE = 0o644


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric: its name, what it means, and its values by the value of its one label (`""`: no label)."""

    name: str
    means: str
    values: Mapping[str, float]
    label: str = ""


def figures(settings: Settings, clock: Clock) -> str:
    """Return the text; nothing is made where there is nothing yet."""
    return _written(settings, clock, folder_sizes(settings.layout))


def _written(settings: Settings, clock: Clock, sizes: Mapping[str, float]) -> str:
    layout = settings.layout
    found = (*_times(layout, clock()), *_incidents(settings), *_coverage(layout), _sizes(sizes))
    return "".join(line for figure in found for line in _lines(figure))


def write_figures(settings: Settings, clock: Clock) -> None:
    """Put the text where RECOUP_METRICS_FILE says, whole, for everybody to read.

    Sizes are those of the last night: to add them up means to look at every file of the history, too much for each poll.
    """
    path = settings.metrics_path
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    sizes = kept_sizes(settings.layout) or folder_sizes(settings.layout)
    write_whole(path, _written(settings, clock, sizes).encode(), mode=READABLE)


def _times(layout: Layout, now: datetime) -> Iterator[Figure]:
    polls, snapshot = read_state(layout), current_snapshot(layout)
    yield Figure("figures_timestamp_seconds", "When these figures were taken.", _instant(now))
    yield Figure("last_poll_timestamp_seconds", "Start of the last poll, good or bad.", _instant(polls.last_poll_at))
    failed = {"": polls.failed_in_row_count} if polls.last_poll_at else {}
    yield Figure("polls_failed_in_row", "Polls in a row that failed or met an outage, up to the last.", failed)
    yield Figure("last_good_night_timestamp_seconds", "End of the last good night.", _instant(last_good_night(layout)))
    published_at = snapshot.published_at if snapshot else None
    yield Figure("last_publish_timestamp_seconds", "When the copy that people open was made.", _instant(published_at))


def _incidents(settings: Settings) -> Iterator[Figure]:
    layout = settings.layout
    found = Counter(str(one["kind"]) for one in newest(layout, are_open_only=True, count=-1))
    by_kind = {kind: found[kind] for kind in read_limits(settings.incident_limits_path).by_kind}
    is_known = layout.incident_ledger.exists()
    yield Figure("open_incidents", "Incidents that are open.", by_kind if is_known else {}, "kind")
    waiting = {"": sum(undelivered(layout).values())} if is_known else {}
    yield Figure("messages_waiting", "Messages that a sink has refused and not taken yet.", waiting)


def _coverage(layout: Layout) -> Iterator[Figure]:
    row: Row = {}
    # A copy of an older version may lack the mart; then nobody can tell.
    with suppress(NothingPublished, duckdb.Error):
        con = open_published(layout)
        try:
            row = first_row(con.execute(statement("monitor", "coverage")))
        finally:
            con.close()
    known = {name: {"": float(value)} for name, value in row.items() if value is not None}
    yield Figure("runs_observed", "Runs of the last 7 days that were seen, as published.", known.get("observed", {}))
    yield Figure("runs_missing", "Runs of the last 7 days that came and went unseen.", known.get("missing", {}))
    yield Figure("coverage_ratio", "Share of the last 7 days' runs that was seen, 0 to 1.", known.get("ratio", {}))


def folder_sizes(layout: Layout) -> dict[str, float]:
    """Add up the sizes of all files of the folders that grow."""
    return {folder.name: _size(folder) for folder in (layout.archive, layout.work, layout.snapshots)}


def _sizes(sizes: Mapping[str, float]) -> Figure:
    return Figure(
        "size_bytes", "Size of all files of a folder of the warehouse; after the last night.", sizes, "folder"
    )


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # polls go on meanwhile
            total += path.lstat().st_size if path.is_file() else 0
    return total


def _instant(moment: datetime | None) -> Mapping[str, float]:
    return {"": moment.timestamp()} if moment else {}


def _lines(figure: Figure) -> Iterator[str]:
    name = f"recoup_{figure.name}"
    yield f"# HELP {name} {figure.means}\n# TYPE {name} gauge\n"
    for value_of_label, value in figure.values.items():
        labels = f'{{{figure.label}="{value_of_label}"}}' if figure.label else ""
        yield f"{name}{labels} {float(value)!r}\n"
