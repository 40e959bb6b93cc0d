"""A task whose every run is known, and which of its runs the warehouse accounts for. No assertions here."""

from datetime import datetime, timedelta
from typing import Any

from pipelines.schedule import cron
from tests.support.bodies import LoadHarness, run, task

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HOURLY, DAILY, WEEKLY = "0 * * * *", "0 9 * * *", "0 9 * * 1"


class Source:
    """What the API would show of one task whose every tick runs: five runs, of seven days, of the current schedule."""

    def __init__(self, schedule: str, began: datetime) -> None:
        self.schedule = schedule
        self.began = began
        self.schedule_id = "sched_1"
        self.enabled = True
        self.created: list[tuple[datetime, str]] = []
        self._now = began

    def advance(self, now: datetime) -> None:
        """Let the ticks up to `now` run."""
        if self.enabled:
            ticks = cron.ticks(self.schedule, "UTC", self._now, now + timedelta(microseconds=1))
            self.created += [(tick, self.schedule_id) for tick in ticks]
        self._now = now

    def shown(self, now: datetime) -> list[dict[str, Any]]:
        listed = [
            tick
            for tick, schedule_id in self.created
            if schedule_id == self.schedule_id and now - 7 * DAY < tick <= now - timedelta(seconds=2)
        ]
        return [run(f"run_{tick:%Y%m%dT%H%M}", tick) for tick in listed[-5:]][::-1]

    def task(self, now: datetime, *, outage: bool = False) -> dict[str, Any]:
        if not self.enabled:
            return task(schedule=self.schedule, enabled=False, trigger_schedule_id=None, timezone=None)
        if outage:
            return task(schedule=self.schedule, trigger_schedule_id=self.schedule_id, timezone=None)
        return task(schedule=self.schedule, trigger_schedule_id=self.schedule_id, runs=self.shown(now))


def accounted(harness: LoadHarness) -> tuple[set[datetime], set[datetime]]:
    """Return the creation times of observed runs and the ticks still counted missing."""
    runs = {row["created_at"] for row in harness.rows("from core.runs")}
    missing = {row["tick_at"] for row in harness.rows("from core.missing_runs where recovered_run_id is null")}
    return runs, missing


def existed(harness: LoadHarness, source: Source) -> set[datetime]:
    """Return the true runs of the time that the warehouse answers for; the last minute may not be listed yet."""
    row = harness.rows("from core.tasks")[0]
    until = row["observed_until_at"] - timedelta(seconds=60)
    return {tick for tick, _ in source.created if row["observed_from_at"] <= tick < until}
