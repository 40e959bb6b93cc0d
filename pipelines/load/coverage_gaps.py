"""Counts what a poll could not see: the cron ticks inside each hole between two observations of a task.

Verdicts and holes are found by sql/flatten; cron itself belongs to schedule/cron.py.
"""

from datetime import datetime

import msgspec

from pipelines.database.connection import Connection
from pipelines.load.sql_steps import run_flatten, set_variables
from pipelines.schedule import cron

# Most polls find no hole; planning the statements that look for one would then be most of what they cost.
IS_ANY = "select exists (from observed where hole_to_at > hole_from_at) or exists (from deletable)"
STRETCHES = """
select task_id, schedule, timezone, after_at, until_at
from hole_stretches
order by task_id, version_number
"""

Stretch = tuple[str | None, str, datetime, datetime | None]


def record_gaps(con: Connection) -> int:
    """Write core.coverage_gaps and core.missing_runs for this poll's holes; return the runs counted missing."""
    if con.execute(IS_ANY).fetchone() == (False,):
        return 0
    run_flatten(con, "15_find_holes")
    stretches: dict[str, list[Stretch]] = {}
    for task_id, *stretch in con.execute(STRETCHES).fetchall():
        stretches.setdefault(task_id, []).append((stretch[0], stretch[1], stretch[2], stretch[3]))
    counted = {task_id: _ticks(parts) for task_id, parts in stretches.items()}
    rows = [{"task_id": task_id, "ticks": ticks} for task_id, ticks in counted.items()]
    set_variables(con, hole_ticks=msgspec.json.encode(rows).decode())
    run_flatten(con, "15_write_gaps")
    return sum(len(ticks or ()) for ticks in counted.values())


def _ticks(stretches: list[Stretch]) -> list[int] | None:
    """Return the ticks strictly inside, as epoch seconds; None when an expression cannot be read."""
    try:
        return sorted({int(tick.timestamp()) for stretch in stretches for tick in _ticks_of(*stretch)})
    except cron.BadCron:
        return None


def _ticks_of(schedule: str | None, timezone: str, after: datetime, until: datetime | None) -> list[datetime]:
    if schedule is None or until is None or after >= until:
        return []
    return cron.ticks(schedule, timezone, after, until)
