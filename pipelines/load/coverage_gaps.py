"""Counts what a poll could not see: the cron ticks inside each hole between two observations of a task.

Verdicts and holes are found by sql/flatten; cron itself belongs to schedule/cron.py.
"""

from datetime import datetime
from typing import NamedTuple

import msgspec

from pipelines.database.connection import Connection
from pipelines.load.sql_steps import run_flatten, set_variables
from pipelines.schedule import cron

# Most polls find no hole; planning the statements that look for one would then be most of what they cost.
IS_ANY = "select exists (from observed where hole_to_at > hole_from_at) or exists (from deletable)"
STRETCHES = """
select task_id, schedule, timezone, after_at, until_at, waited_until_at
from hole_stretches
order by task_id, version_number
"""


class Stretch(NamedTuple):
    """A configuration inside a hole; ticks up to `waited_until` had waited too long when the task was last looked at."""

    schedule: str | None
    timezone: str
    after: datetime
    until: datetime | None
    waited_until: datetime


def record_gaps(con: Connection) -> int:
    """Write core.coverage_gaps and core.missing_runs for this poll's holes; return the runs counted missing."""
    if con.execute(IS_ANY).fetchone() == (False,):
        return 0
    run_flatten(con, "15_find_holes")
    stretches: dict[str, list[Stretch]] = {}
    for task_id, *stretch in con.execute(STRETCHES).fetchall():
        stretches.setdefault(task_id, []).append(Stretch(*stretch))
    counted = {task_id: _ticks(parts) for task_id, parts in stretches.items()}
    rows = [{"task_id": task_id, "ticks": ticks} for task_id, ticks in counted.items()]
    set_variables(con, hole_ticks=msgspec.json.encode(rows).decode())
    run_flatten(con, "15_write_gaps")
    return sum(len(ticks or ()) for ticks in counted.values())


def _ticks(stretches: list[Stretch]) -> list[int] | None:
    """Return the ticks of runs that may be missing, as epoch seconds; None when an expression cannot be read."""
    try:
        return sorted({int(tick.timestamp()) for stretch in stretches for tick in _ticks_of(stretch)})
    except cron.BadCron:
        return None


def _ticks_of(stretch: Stretch) -> list[datetime]:
    """Return the ticks strictly inside; of those that had waited too long, only the first can have got a run."""
    schedule, timezone, after, until, waited_until = stretch
    if schedule is None or until is None or after >= until:
        return []
    ticks = cron.ticks(schedule, timezone, after, until)
    return ticks[:1] + [tick for tick in ticks[1:] if tick > waited_until]
