"""Counts what a poll could not see: the cron ticks inside each hole between two observations of a task.

Verdicts and holes are found by sql/flatten/10_observe_tasks.sql; cron itself belongs to cron.py.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines import cron
from pipelines.warehouse import Connection

# A hole longer than a nightly's rhythm without any poll in it means that nobody polled.
NIGHTLY_RHYTHM = timedelta(hours=26)
INSTANT = timedelta(microseconds=1)

HOLES = """
select
    o.task_id,
    o.hole_from_at,
    o.hole_to_at,
    o.observed_at,
    o.is_schedule_replaced,
    o.is_newly_scheduled,
    o.is_saturated,
    exists (
        select 1
        from core.polls as p
        where p.started_at > o.known_until_at
            and p.started_at < o.observed_at
            and p.status = 'failed'
    ) or exists (
        select 1
        from core.task_observations as s
        where s.task_id = o.task_id
            and s.observed_at > o.known_until_at
            and s.verdict = 'unknown'
    ) as has_outage,
    o.observed_at - o.known_until_at as silence
from observed as o
where o.hole_to_at > o.hole_from_at
order by o.task_id
"""

# Version 1 also stands for the time before the task was first seen; a disabled task expects nothing.
CONFIGURATIONS = """
select schedule, coalesce(timezone, 'UTC') as timezone,
    case when version_number = 1 then ?::timestamptz else greatest(valid_from, ?::timestamptz) end,
    least(coalesce(valid_to, ?::timestamptz), ?::timestamptz),
    is_enabled and schedule_id is not null as is_expecting,
    version_number
from core.task_versions
where task_id = ?
    and (version_number = 1 or valid_from < ?::timestamptz)
    and coalesce(valid_to, 'infinity'::timestamptz) > ?::timestamptz
order by version_number
"""


@dataclass(frozen=True, slots=True)
class Hole:
    """A stretch of time in which runs of a task may have come and gone unseen."""

    task_id: str
    from_at: datetime
    to_at: datetime
    observed_at: datetime
    is_schedule_replaced: bool
    is_newly_scheduled: bool
    is_saturated: bool
    has_outage: bool
    silence: timedelta

    @property
    def cause(self) -> str:
        """Why nobody saw: the first that applies."""
        if self.is_schedule_replaced:
            return "schedule_replaced"
        if self.has_outage:
            return "source_outage"
        if not self.is_saturated:
            return "seven_day_cut"
        return "not_polled" if self.silence > NIGHTLY_RHYTHM else "window_overflow"


def record_gaps(con: Connection, poll_id: str) -> int:
    """Write core.coverage_gaps and core.missing_runs for this poll's holes; return the runs counted missing."""
    total = 0
    for row in con.execute(HOLES).fetchall():
        total += _record(con, poll_id, Hole(*row))
    return total


def _record(con: Connection, poll_id: str, hole: Hole) -> int:
    configurations = _in_force(con, hole)
    try:
        ticks = [
            tick for schedule, zone, start, end in configurations for tick in cron.ticks(schedule, zone, start, end)
        ]
    except cron.BadCron:
        ticks = None
    if ticks == []:
        return 0
    gap_id = f"{poll_id}/{hole.task_id}"
    schedule, zone = configurations[-1][:2] if configurations else (None, None)
    con.execute(
        "insert into core.coverage_gaps values (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
        [gap_id, hole.task_id, hole.from_at, hole.to_at, hole.cause, schedule, zone]
        + [None if ticks is None else len(ticks), hole.observed_at, poll_id],
    )
    if ticks:
        con.execute(
            "insert into core.missing_runs select ?, unnest(?::timestamptz[]), ?, null",
            [hole.task_id, ticks, gap_id],
        )
    return len(ticks or [])


def _in_force(con: Connection, hole: Hole) -> list[tuple[str, str, datetime, datetime]]:
    """Return (cron, zone, after, until) for each stretch of the hole in which runs were expected."""
    if hole.is_newly_scheduled:
        row = con.execute(
            "select schedule, coalesce(timezone, 'UTC') from core.tasks where task_id = ?", [hole.task_id]
        ).fetchone()
        return [] if row is None or row[0] is None else [(row[0], row[1], hole.from_at, hole.to_at)]
    begin, end = hole.from_at, hole.to_at
    rows = con.execute(CONFIGURATIONS, [begin, begin, end, end, hole.task_id, end, begin]).fetchall()
    return [
        (schedule, zone, start if start == begin else start - INSTANT, until)
        for schedule, zone, start, until, is_expecting, _ in rows
        if is_expecting and schedule is not None and start < until
    ]
