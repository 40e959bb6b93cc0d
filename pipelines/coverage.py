"""Counts what a poll could not see: the cron ticks inside each hole between two observations of a task.

Verdicts and holes are found by sql/flatten/10_observe_tasks.sql; cron itself belongs to cron.py.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipelines import cron
from pipelines.warehouse import Connection, insert_rows

# A hole longer than a nightly's rhythm without any poll in it means that nobody polled.
NIGHTLY_RHYTHM = timedelta(hours=26)

# Version 1 also stands for the time before the task was first seen; a disabled task expects nothing; of a task that
# got a schedule since, the new configuration stands for the hole, since nobody saw when it began.
HOLES = """
with holes as (

    select
        o.task_id,
        o.hole_from_at as from_at,
        o.hole_to_at as to_at,
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

)

select
    h.*,
    v.schedule,
    coalesce(v.timezone, 'UTC') as timezone,
    case
        when v.version_number = 1 or h.is_newly_scheduled or v.valid_from <= h.from_at then h.from_at
        else v.valid_from - interval 1 microsecond
    end as after_at,
    case when h.is_newly_scheduled then h.to_at else least(coalesce(v.valid_to, h.to_at), h.to_at) end as until_at
from holes as h
left join core.task_versions as v
    on v.task_id = h.task_id
    and v.is_enabled
    and v.schedule_id is not null
    and v.schedule is not null
    and case
        when h.is_newly_scheduled then v.is_current
        else (v.version_number = 1 or v.valid_from < h.to_at) and coalesce(v.valid_to > h.from_at, true)
    end
order by h.task_id, v.version_number
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


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of a hole in which one cron was in force; `schedule` is None where nothing was expected."""

    schedule: str | None
    timezone: str
    after: datetime
    until: datetime

    def ticks(self) -> list[datetime]:
        """Return the ticks strictly inside. Raises BadCron."""
        if self.schedule is None or self.after >= self.until:
            return []
        return cron.ticks(self.schedule, self.timezone, self.after, self.until)


def record_gaps(con: Connection, poll_id: str) -> int:
    """Write core.coverage_gaps and core.missing_runs for this poll's holes; return the runs counted missing."""
    stretches: dict[Hole, list[Stretch]] = {}
    for row in con.execute(HOLES).fetchall():
        stretches.setdefault(Hole(*row[:9]), []).append(Stretch(*row[9:]))
    gaps: list[dict[str, Any]] = []
    missing: list[dict[str, Any]] = []
    for hole, parts in stretches.items():
        ticks = _ticks(parts)
        if ticks != []:
            gap_id = f"{poll_id}/{hole.task_id}"
            gaps.append(_gap(hole, parts[-1], ticks, poll_id, gap_id))
            missing += [{"task_id": hole.task_id, "tick_at": tick, "gap_id": gap_id} for tick in ticks or ()]
    insert_rows(con, "core.coverage_gaps", gaps)
    insert_rows(con, "core.missing_runs", missing)
    return len(missing)


def _ticks(parts: list[Stretch]) -> list[datetime] | None:
    try:
        return [tick for part in parts for tick in part.ticks()]
    except cron.BadCron:
        return None


def _gap(hole: Hole, last: Stretch, ticks: list[datetime] | None, poll_id: str, gap_id: str) -> dict[str, Any]:
    return {
        "gap_id": gap_id,
        "task_id": hole.task_id,
        "from_at": hole.from_at,
        "to_at": hole.to_at,
        "cause": hole.cause,
        "schedule": last.schedule,
        "timezone": last.timezone,
        "runs_missing_count": None if ticks is None else len(ticks),
        "recovered_count": 0,
        "detected_at": hole.observed_at,
        "detected_poll_id": poll_id,
    }
