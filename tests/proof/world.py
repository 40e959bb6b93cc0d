"""A fleet over simulated time, polled through the real client, archive, gate and load, with bad days in between.

What the warehouse then says is judged in judge.py.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import duckdb

from pipelines.archive.poll_record import PollEnd
from pipelines.archive.store import Archive
from pipelines.database.core_schema import apply_core
from pipelines.errors import RecoupError
from pipelines.ingest.poll import task_requests
from pipelines.ingest.recovery import Recovery
from pipelines.load.session import Loader
from pipelines.recoup.client import RecoupClient
from pipelines.recoup.endpoints import NoAnswer, Response
from pipelines.schedule import poll_interval
from pipelines.settings import Settings
from pipelines.simulator import Fault, Fleet, Lateness, Simulator, SimulatorTransport
from pipelines.simulator.seeded_random import Dice

# A pipeline opens its file for each poll. Left open over thousands of polls, each takes longer than the one before.
REOPENED_AFTER = 50
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Pace = Literal["sensor", "nightly"]
Details = Literal["auto", "off"]
# (fault, in how many of ten days it happens, shortest and longest hours). Failed polls first, then polls that lie.
BAD_DAYS: tuple[tuple[str, int, int, int], ...] = (
    ("server_error", 2, 1, 9),
    ("gateway_timeout", 1, 1, 4),
    ("truncated", 1, 1, 2),
    ("silent_outage", 3, 2, 14),
    ("lookup_failed", 1, 1, 6),
    ("schedule_read_failed", 1, 1, 6),
    ("newest_run_read_failed", 1, 1, 6),
    ("duplicate_task", 1, 1, 3),
    ("duplicate_run", 1, 1, 3),
    ("unknown_fields", 1, 1, 6),
)


@dataclass
class World:
    """One fleet and the warehouse that watches it, in memory; the archive is on disk."""

    fleet: Fleet
    start: datetime
    folder: Path
    details: Details = "off"
    poll_count: int = 0
    failed_count: int = 0
    suspect_count: int = 0
    _dark: list[tuple[datetime, datetime]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.simulator = Simulator(self.fleet, now=self.start, shape="newest")
        self.settings = Settings.load(
            warehouse_dir=self.folder,
            privacy_key="proof",
            api_url="http://127.0.0.1:1",
            api_key="recoup_sk_simulated",
            account_ids=self.fleet.account_ids,
            run_details=self.details,
            max_attempts=2,
        )
        self.settings.layout.prepare()
        self.archive = Archive(self.settings.layout.archive)
        self.con = self._connect()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        con = duckdb.connect(str(self.settings.layout.work_file), config={"threads": 1})
        con.execute("set timezone = 'UTC'")
        apply_core(con)
        return con

    def bad_days(self, days: int, seed: int) -> None:
        """Let things go wrong over `days`: the source fails or lies, and some nights (and days) nobody polls."""
        chance = Dice(seed, "bad days")
        for day in range(1, days):
            midnight = self.start + day * DAY
            for kind, of_ten, least, most in BAD_DAYS:
                begins = midnight + chance.below(86_400) * timedelta(seconds=1)
                ends = begins + chance.between(least, most) * HOUR
                if chance.below(10) < of_ten:
                    self.simulator.add_fault(Fault(kind=kind, from_at=begins, to_at=ends))
            if chance.below(10) < 2:
                self._dark.append((midnight - 2 * HOUR, midnight + chance.between(4, 9) * HOUR))
            if chance.below(30) == 0:
                self._dark.append((midnight, midnight + chance.between(30, 200) * HOUR))

    def run(self, pace: Pace, until: datetime) -> Iterator[datetime]:
        """Poll at a pace until an instant; yield after each poll. `look_again` then ends the story."""
        at = self.start + 2 * HOUR
        while at < until:
            if any(begins <= at < ends for begins, ends in self._dark):
                at += DAY if pace == "nightly" else timedelta(minutes=5)
                continue
            self.poll(at)
            yield at
            at = self._next(at, pace)

    def look_again(self, at: datetime) -> None:
        """Poll once more, in good weather: what a fault hid at the end is shown again."""
        self.simulator.clear_faults()
        self.poll(at)

    def _next(self, at: datetime, pace: Pace) -> datetime:
        if pace == "nightly":
            return at + DAY
        due = poll_interval.next_poll(poll_interval.measure(self.con, at), self.settings).due_at
        return at if due is None else due

    def poll(self, at: datetime) -> None:
        """Do what poll.poll does, on a connection that stays open."""
        self.simulator.set_now(at)
        self.poll_count += 1
        if self.poll_count % REOPENED_AFTER == 0:
            self.con.close()
            self.con = self._connect()
        scope = {"source": "simulator", "is_full_scope": True, "account_ids": list(self.settings.account_ids)}
        writer = self.archive.start_poll(at, **scope)
        loader = Loader.of(self.con, self.settings)
        session = loader.session(writer.record.start)
        _leave_texts_alone(self.con)
        clock = lambda: at  # noqa: E731
        transport = SimulatorTransport(self.simulator)
        with RecoupClient(self.settings, clock=clock, transport=transport, sleep=lambda _: None) as client:
            try:
                answers = list(client.get_many(task_requests(self.settings)))
                if failed := next((each for each in answers if isinstance(each, NoAnswer)), None):
                    raise failed.error
                writer.add_all([each for each in answers if isinstance(each, Response)])
                session.stage_new(writer.record)
            except RecoupError as error:
                self.failed_count += 1
                record = writer.finish(PollEnd(at, False, type(error).__name__, str(error)))
                loader.load(record)
                return
            recovery = Recovery(client, self.settings, clock)
            while self.details == "auto" and (wanted := recovery.wanted(session)):
                recovery.fetch(wanted, writer)
                session.stage_new(writer.record)
        summary = session.commit(writer.finish(PollEnd(at, True, recovery_note=recovery.note)))
        self.suspect_count += summary.status == "suspect"


def _leave_texts_alone(con: duckdb.DuckDBPyConnection) -> None:
    # Looking for secrets in texts takes a quarter of a poll; here are none, and none of it is being proved.
    con.execute("create or replace temp macro scrubbed_texts(texts) as texts")


def only(fleet: Fleet, names: Collection[str]) -> Fleet:
    """Return a fleet of those tasks alone whose cadence (the first word of their title) is named."""
    chosen = [task for task in fleet.tasks if task.title.split()[0].lower() in names]
    return Fleet(chosen, seed=fleet.seed, start=fleet.start)


def made_late(fleet: Fleet, start: datetime, days: int) -> Fleet:
    """Return the fleet with the lateness of the real engine: cron spread, early runs, 10 % late by minutes, stalls.

    About every tenth day all schedules stall together, and about every tenth day a schedule stalls on its own.
    """

    def stalls(name: str) -> list[tuple[datetime, datetime]]:
        chance, found = Dice(fleet.seed, name), []
        for day in range(days):
            begins = start + day * DAY + timedelta(seconds=chance.below(86_400))
            ends = begins + timedelta(minutes=chance.between(10, 240))
            if chance.below(10) == 0:
                found.append((begins, ends))
        return found

    common = stalls("stalls of all")
    tasks = [
        replace(
            task,
            lateness=Lateness(
                spread_s=60,
                early_s=30,
                late_ratio=0.1,
                late_s=(120, 600),
                stalls=(*common, *stalls(f"stalls of {task.task_id}")),
            ),
        )
        for task in fleet.tasks
    ]
    return Fleet(tasks, seed=fleet.seed, start=fleet.start)
