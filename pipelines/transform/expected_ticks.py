"""Fills core.expected_ticks and core.schedule_gaps: when tasks had to run and will have to, by cron and configuration.

Whether they did belongs to sql/marts/schedule_adherence.sql; cron itself to schedule/cron.py.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from pipelines.database.connection import Connection, insert_rows
from pipelines.database.sql_text import statement
from pipelines.schedule import cron

# Ticks are asked for in pieces, since cron.py refuses to count too many at once.
PIECE = timedelta(days=90)


def fill_expected(con: Connection, *, as_of: datetime, reporting_timezone: str) -> None:
    """Bring core.expected_ticks and core.schedule_gaps up to `as_of`. The caller owns the transaction."""
    now = {"as_of": as_of}
    con.execute(statement("ticks", "01_segments"), now | {"zone": reporting_timezone})
    con.execute(statement("ticks", "02_drop_stale"))
    con.execute(statement("ticks", "03_resume"))
    con.execute(statement("ticks", "04_schedule_ticks"))
    for schedule, timezone, from_at, until_at in con.execute(statement("ticks", "05_schedules")).fetchall():
        for seconds in _pieces(schedule, timezone, from_at, until_at):
            parameters = {"schedule": schedule, "timezone": timezone, "seconds": seconds}
            con.execute(statement("ticks", "06_add_ticks"), parameters)
    con.execute(statement("ticks", "07_append"), now)
    con.execute(statement("ticks", "08_turn_past"), now)
    _fill_gaps(con, as_of)
    con.execute("drop table schedule_ticks; drop table tick_segments")


def _pieces(schedule: str, timezone: str, from_at: datetime, until_at: datetime) -> Iterator[str]:
    """Yield the ticks of [from, until) as JSON lists of epoch seconds; none of a schedule that cannot be read."""
    if not cron.is_valid(schedule, timezone):
        return
    while from_at < until_at:
        end = min(from_at + PIECE, until_at)
        # The lower bound of cron.ticks is exclusive, that of a version is not.
        found = cron.ticks(schedule, timezone, from_at - timedelta.resolution, end)
        if found:
            yield msgspec.json.encode([int(tick.timestamp()) for tick in found]).decode()
        from_at = end


def _fill_gaps(con: Connection, as_of: datetime) -> None:
    con.execute("delete from core.schedule_gaps")
    rows = []
    for schedule, timezone in con.execute(statement("ticks", "09_current_schedules")).fetchall():
        is_readable = cron.is_valid(schedule, timezone)
        gap = cron.smallest_gap(schedule, timezone, as_of) if is_readable else None
        gap_ms = None if gap is None else gap // timedelta(milliseconds=1)
        rows.append({"schedule": schedule, "timezone": timezone, "is_readable": is_readable, "smallest_gap_ms": gap_ms})
    insert_rows(con, "core.schedule_gaps", rows)
