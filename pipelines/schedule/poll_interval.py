"""How often to poll so that no run leaves the API's window unseen, and the small file that the sensor reads.

Plain Python and SQL; requesting runs belongs to orchestrate/sensors.py, cron arithmetic to cron.py.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pipelines.atomic_write import write_whole
from pipelines.database.connection import Connection
from pipelines.database.sql_text import Row, first_row, statement
from pipelines.paths import Layout
from pipelines.schedule import cron
from pipelines.settings import Settings

Seconds = int
MILLISECOND = timedelta(milliseconds=1)

# The settings may ask for less often than the source allows: one day less than the seven that core.window_length() shows.
LONGEST_PAUSE = timedelta(days=6)


@dataclass(frozen=True, slots=True)
class Cadence:
    """What the last poll leaves for the choice of the next: when it began, failures in a row, the tightest task."""

    last_poll_at: datetime | None = None
    failed_in_row_count: int = 0
    safe_seconds: Seconds | None = None
    gap_seconds: Seconds | None = None
    longest_run_seconds: Seconds | None = None
    task_id: str | None = None
    schedule: str | None = None


@dataclass(frozen=True, slots=True)
class NextPoll:
    """When to poll next, and why then."""

    due_at: datetime | None
    reason: str


def measure(con: Connection, at: datetime) -> Cadence:
    """Find the task that leaves the least time between polls, and how the last polls went."""
    polls = con.execute(statement("polling", "recent_polls")).fetchall()
    failed = next((count for count, (_, is_outage) in enumerate(polls) if not is_outage), len(polls))
    last_poll_at = polls[0][0] if polls else None
    tightest = _tightest(con, at)
    if not tightest:
        return Cadence(last_poll_at, failed)
    # Whole seconds, rounded so that the pause is never longer than it may be.
    return Cadence(
        last_poll_at,
        failed,
        safe_seconds=tightest["safe_ms"] // 1000,
        gap_seconds=tightest["gap_ms"] // 1000,
        longest_run_seconds=-(-tightest["longest_run_ms"] // 1000),
        task_id=tightest["task_id"],
        schedule=tightest["schedule"],
    )


def next_poll(cadence: Cadence, settings: Settings) -> NextPoll:
    """Choose the time of the next poll: the safe interval within both caps, or a growing pause in an outage."""
    if cadence.last_poll_at is None:
        return NextPoll(None, "nothing was polled yet")
    if cadence.failed_in_row_count:
        seconds = back_off_seconds(cadence.failed_in_row_count, settings)
        reason = f"{cadence.failed_in_row_count} polls in a row failed or met an outage"
    elif settings.shards:
        seconds, reason = settings.poll_interval_max_seconds, "shards poll by themselves, this gathers"
    elif cadence.safe_seconds is None:
        seconds, reason = settings.poll_interval_max_seconds, "no enabled task has a schedule"
    else:
        seconds = capped_seconds(cadence.safe_seconds, settings)
        reason = _why(cadence, seconds)
    return NextPoll(cadence.last_poll_at + timedelta(seconds=seconds), f"{reason}, so every {seconds} s")


def capped_seconds(seconds: Seconds, settings: Settings) -> Seconds:
    """Keep an interval between the two settings, and short of the window's seven days whatever they say."""
    longest = min(settings.poll_interval_max_seconds, int(LONGEST_PAUSE.total_seconds()))
    return min(max(seconds, settings.poll_interval_min_seconds), longest)


def back_off_seconds(failed_in_row_count: int, settings: Settings) -> Seconds:
    """Double the shortest interval with each failure, up to the longest.

    It starts short because runs are lost while nobody looks, and grows so as not to press a source in trouble.
    """
    doubled = settings.poll_interval_min_seconds * 2 ** min(failed_in_row_count, 20)
    return capped_seconds(doubled, settings)


def state_file(layout: Layout) -> Path:
    """Name the file that carries a cadence to the sensor, which must not open the work file beside a writer."""
    return layout.work / "cadence.json"


def write_state(layout: Layout, cadence: Cadence) -> None:
    """Replace the state file whole."""
    last = cadence.last_poll_at.isoformat() if cadence.last_poll_at else None
    write_whole(state_file(layout), json.dumps(asdict(cadence) | {"last_poll_at": last}).encode())


def read_state(layout: Layout) -> Cadence:
    """Read the state file; without one, or with one of another version, nothing is known yet."""
    try:
        facts = json.loads(state_file(layout).read_text(encoding="utf-8"))
        last = facts["last_poll_at"]
        return Cadence(**facts | {"last_poll_at": datetime.fromisoformat(last) if last else None})
    except (OSError, ValueError, TypeError, KeyError):
        return Cadence()


def _tightest(con: Connection, at: datetime) -> Row:
    gaps = [
        {"schedule": schedule, "timezone": timezone, "gap_ms": gap // MILLISECOND}
        for schedule, timezone in con.execute(statement("polling", "schedules")).fetchall()
        if (gap := _gap(schedule, timezone, at)) is not None
    ]
    # Two texts instead of lists and an instant: each such value costs DuckDB a search (connection.insert_rows).
    parameters = {"gaps": json.dumps(gaps), "as_of": at.isoformat()}
    return first_row(con.execute(statement("polling", "tightest_task"), parameters))


def _gap(schedule: str, timezone: str, at: datetime) -> timedelta | None:
    try:
        return cron.smallest_gap(schedule, timezone, at)
    except cron.BadCron:
        return None  # nobody can tell when it runs; a check names the task


def _why(cadence: Cadence, seconds: Seconds) -> str:
    task = f"task {cadence.task_id} ({cadence.schedule})"
    pace = f"{task} ticks every {cadence.gap_seconds} s and ran up to {cadence.longest_run_seconds} s"
    if seconds == cadence.safe_seconds:
        return pace
    return f"{pace}: safe would be {cadence.safe_seconds} s, kept within the settings"
