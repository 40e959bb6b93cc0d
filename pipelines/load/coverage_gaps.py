"""Counts what a poll could not see: the cron ticks inside each hole between two observations of a task.

Verdicts and holes are found by sql/flatten/10_observe_tasks.sql; cron itself belongs to cron.py.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipelines.database.connection import Connection, insert_rows
from pipelines.schedule import cron

# A hole longer than a nightly's rhythm without any poll in it means that nobody polled.
NIGHTLY_RHYTHM = timedelta(hours=26)

# Most polls find no hole; planning the query below would then be most of what they cost.
IS_ANY = """
select exists (from observed where hole_to_at > hole_from_at) or exists (from deletable)
"""

# Whatever was in force at some time since the last good look may have been so from its first instant to its last:
# nobody saw the change. So each configuration counts for the whole hole, except that one which had ended before the
# hole did ends there; where they differ, the count is an upper bound. A disabled task expects nothing. With a deleted
# task its schedule is gone, and what ran since the last look can be seen no more. A task that comes back with the same
# schedule was never gone. A hole begins where the one before it ended: no tick is counted twice.
HOLES = """
with found as (

    select
        task_id,
        hole_from_at as from_at,
        hole_to_at as to_at,
        observed_at,
        known_until_at,
        is_schedule_replaced,
        is_saturated
    from observed

    union all

    select
        t.task_id,
        greatest(t.window_newest_run_at, t.observed_until_at - interval 60 seconds),
        t.deleted_at,
        t.deleted_at,
        t.observed_until_at,
        true,
        false
    from core.tasks as t
    inner join deletable as d
        on d.task_id = t.task_id
    where t.window_schedule_id is not null
        and t.observed_until_at is not null

),

joined as (

    select
        f.* replace (greatest(f.from_at, g.last_to_at - interval 1 microsecond) as from_at),
        exists (
            select 1
            from core.polls as p
            where p.started_at > f.known_until_at
                and p.started_at < f.observed_at
                and p.status = 'failed'
        ) or exists (
            select 1
            from core.task_observations as s
            where s.task_id = f.task_id
                and s.observed_at > f.known_until_at
                and s.verdict = 'unknown'
        ) as has_outage,
        f.observed_at - f.known_until_at as silence
    from found as f
    left join (
        select
            task_id,
            max(to_at) as last_to_at
        from core.coverage_gaps
        group by task_id
    ) as g
        on g.task_id = f.task_id
    where f.to_at > f.from_at

),

versions as (

    select
        *,
        case
            when lead(schedule_id) over w = schedule_id then lead(valid_from) over w
            else valid_to
        end as in_force_until
    from core.task_versions
    where task_id in (select task_id from joined)
    window w as (partition by task_id order by version_number)

)

select
    h.task_id,
    h.from_at,
    h.to_at,
    h.observed_at,
    h.is_schedule_replaced,
    h.is_saturated,
    h.has_outage,
    h.silence,
    v.schedule,
    coalesce(v.timezone, 'UTC') as timezone,
    h.from_at as after_at,
    least(v.in_force_until, h.to_at) as until_at
from joined as h
left join versions as v
    on v.task_id = h.task_id
    and v.is_enabled
    and v.schedule_id is not null
    and v.schedule is not null
    and v.valid_from <= h.observed_at
    and coalesce(v.in_force_until > h.from_at, true)
where h.to_at > h.from_at
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
    if con.execute(IS_ANY).fetchone() == (False,):
        return 0
    stretches: dict[Hole, list[Stretch]] = {}
    for row in con.execute(HOLES).fetchall():
        stretches.setdefault(Hole(*row[:8]), []).append(Stretch(*row[8:]))
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
        return sorted({tick for part in parts for tick in part.ticks()})
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
