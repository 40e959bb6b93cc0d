"""A task whose runs are inserted early, late or never, as upstream's engine does it. No assertions here."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from pipelines.schedule import cron
from pipelines.transform.build import build
from tests.support.bodies import LoadHarness, run, task
from tests.support.warehouse_builder import models

# A list shows a run this long after its insertion.
LISTED_AFTER = timedelta(seconds=2)
JUDGED = (
    "run_lateness",
    "missing_run_facts",
    "day_inputs",
    "coverage_facts",
    "coverage_daily",
    "tick_runs",
    "schedule_adherence",
)


class LateSource:
    """One task whose ticks each say when their run is inserted: {tick: instant}; a tick without an instant has no run."""

    def __init__(self, schedule: str, inserted: dict[datetime, datetime]) -> None:
        self.schedule = schedule
        self.inserted = inserted

    def listed(self, now: datetime) -> list[datetime]:
        """Return the ticks of the runs that a list without bounds would show, oldest first."""
        return sorted(tick for tick, instant in self.inserted.items() if instant + LISTED_AFTER <= now)

    def task(self, now: datetime, **over: Any) -> dict[str, Any]:
        """Return the task as the API shows it: its last five runs of seven days."""
        shown = [tick for tick in self.listed(now)[-5:] if tick > now - timedelta(days=7)]
        runs = [
            run(f"run_{tick:%Y%m%dT%H%M}", tick, startedAt=f"{self.inserted[tick] + LISTED_AFTER:%Y-%m-%dT%H:%M:%SZ}")
            for tick in reversed(shown)
        ]
        return task(schedule=self.schedule, runs=runs, **over)


def engine(
    schedule: str, since: datetime, until: datetime, lag: Callable[[datetime], timedelta | None]
) -> dict[datetime, datetime]:
    """Return when the run of each tick is inserted. One tick waits at a time; a lag of None means that it gets no run.

    The next tick to wait is the first that lies after the insertion: those between are skipped.
    """
    inserted: dict[datetime, datetime] = {}
    free_from = since
    for tick in cron.ticks(schedule, "UTC", since, until):
        late = lag(tick)
        if tick <= free_from or late is None:
            continue
        inserted[tick] = tick + late
        free_from = max(tick, tick + late)
    return inserted


def statuses(harness: LoadHarness, as_of: datetime) -> dict[datetime, tuple[str, str | None]]:
    """Build what judges the ticks; return each tick's status and reason."""
    build(
        harness.con,
        models=models(),
        as_of=as_of,
        reporting_timezone="UTC",
        only={("marts", name) for name in JUDGED},
    )
    rows = harness.rows("from marts.schedule_adherence")
    return {row["tick_at"]: (row["status"], row["unobservable_reason"]) for row in rows}


def look(harness: LoadHarness, source: LateSource, instants: Sequence[datetime]) -> None:
    """Poll at each instant."""
    for instant in instants:
        harness.poll(instant, [source.task(instant)])
