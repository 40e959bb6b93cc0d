"""A simulated fleet with trouble of every kind, and what must be told of it. Who lives through it is test_nights.py.

A round of 18 nights holds each trouble once; what needs a long quiet past comes in every other round.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.clock import fixed
from pipelines.database.connection import Warehouse
from pipelines.load.rebuild import rebuild
from pipelines.nightly import nightly, poll_and_note
from pipelines.recoup.client import RecoupClient
from pipelines.simulator import Fault, Lateness, SimTask, Simulator, SimulatorTransport
from pipelines.simulator.error_objects import thrown_error
from pipelines.simulator.time_units import to_ms
from tests.support.polled_world import HOUR, START, PolledWorld

DAY = 24 * HOUR
ROUND = 18
EVENING, NIGHT = -6 * HOUR, 6.5 * HOUR
QUARTERS = "0 */6 * * *"
FAILED: dict[str, Any] = {"mix": {"failed": 1.0}}
USUAL: dict[str, Any] = {"mix": {}}
LONG, SHORT = {"duration_ms": (144_000_000, 144_000_000)}, {"duration_ms": (15_000, 45_000)}
# Days of a round, its first night being day 1.
POOR, DAMAGED, FULL, OUTAGE, DOWN = (1, 2), (2,), (3,), (4, 5), (7, 8)
DAMAGE = """
    update core.runs set outcome = 'failed'
    where run_id = (select min(run_id) from core.runs where outcome = 'succeeded')
"""
# What each round must tell once, and how often a round does so: even rounds, odd rounds.
TRUTH = {
    ("task_failing", "failing"): (1, 1),
    ("task_failing", "failing in an outage"): (1, 1),
    ("task_silent", "silent"): (1, 1),
    ("run_hanging", "hanging"): (1, 0),
    ("anomaly", "odd"): (0, 1),
    ("coverage_falling", "Coverage"): (1, 1),
    ("source_outage", "The Recoup API"): (1, 1),
    ("poll_failing", "Polls"): (1, 1),
    ("night_failing", "The nightly"): (2, 2),
    ("published_stale", "The published copy"): (2, 2),
    ("disk_filling", "The disk"): (1, 1),
}
# Days that are unlike their task's past since something of the story happened on them.
ANOMALOUS = {"failing", "failing in an outage", "silent", "hanging", "often", "the whole fleet"}


def expected(rounds: int) -> Counter[tuple[str, str]]:
    """How often each trouble of the story must open, and close, in so many rounds."""
    return Counter({what: sum(times[number % 2] for number in range(rounds)) for what, times in TRUTH.items()})


def new_errors(simulator: Simulator, nights: int) -> set[str]:
    """Names of errors that ended a run for the first time when a week of past was there to call them new."""
    until, first = to_ms(START + nights * DAY + NIGHT), dict[str, int]()
    for line in simulator.fleet.timelines:
        for run in line.runs_back(until, to_ms(START)):
            if run.kind == "failed" and run.finished_ms < until:
                name = thrown_error(run)["name"]
                first[name] = min(first.get(name, until), run.inserted_ms)
    # The first good night with a week behind it is the one after DOWN, and it looks a week back.
    begins = to_ms(START + (DOWN[1] + 1 - 7) * DAY + NIGHT)
    return {name for name, at in first.items() if at > begins}


def of_round(day: int) -> int:
    """The day within its round, from 1 on."""
    return (day - 1) % ROUND + 1


def _task(number: int, title: str, rounds: Iterator[int] | range, *changes: tuple[float, Any], **more: Any) -> SimTask:
    return SimTask(
        task_id=f"00000000-0000-4000-8000-{number:012}",
        title=title,
        cron=QUARTERS,
        changes=tuple((START + (base * ROUND + day) * DAY, change) for base in rounds for day, change in changes),
        **more,
    )


def fleet(rounds: int) -> list[SimTask]:
    """Return the tasks, with what befalls each in every round."""
    each, even, odd = range(rounds), range(0, rounds, 2), range(1, rounds, 2)
    stalls = tuple((START + (base * ROUND + 1) * DAY, START + (base * ROUND + 3) * DAY) for base in each)
    return [
        _task(1, "steady", each),
        _task(2, "failing", each, (1, FAILED), (3, USUAL)),
        _task(3, "failing in an outage", each, (2, FAILED), (7, USUAL)),
        _task(4, "silent", each, lateness=Lateness(stalls=stalls)),
        _task(5, "hanging", even, (1.2, LONG), (1.3, SHORT)),
        _task(6, "often", each, (1, {"cron": "7 * * * *"}), (1.5, {"cron": QUARTERS})),
        _task(7, "odd", odd, (14, {"cron": "0 */3 * * *"}), (15, {"cron": QUARTERS})),
    ]


class Story:
    """A warehouse that polls the fleet each evening and each night."""

    def __init__(self, folder: Path, rounds: int, sinks: str) -> None:
        self.limits = folder / "limits.yml"
        self.world = PolledWorld(
            folder / "w", *fleet(rounds), incident_sinks=sinks, incident_limits_file=self.limits, max_attempts=1
        )
        for day in range(0, rounds * ROUND, ROUND):
            for kind, from_day, to_day in (
                ("silent_outage", OUTAGE[0], OUTAGE[1] + 1),
                ("server_error", DOWN[0], DOWN[1] + 0.5),
            ):
                begins, ends = START + (day + from_day) * DAY, START + (day + to_day) * DAY
                self.world.sim.add_fault(Fault(kind=kind, from_at=begins, to_at=ends))

    def steps(self, day: int) -> Iterator[tuple[datetime, Any]]:
        """What is started on a day, at which instants: a poll in the evening before, and the night."""
        yield START + day * DAY + EVENING, poll_and_note
        yield START + day * DAY + NIGHT, nightly

    def run(self, day: int, at: datetime, step: Any) -> None:
        """Do a step, after what people and disks do on that day. Raises the error of the step."""
        settings, kind = self.world.settings, of_round(day)
        self.limits.write_text(f"disk_filling: {{limit: {'1.0e-12' if kind in FULL else '0.9'}}}\n")
        if settings.layout.root.exists():
            dollars = "0.001" if kind in POOR else "1000000"
            settings.layout.budgets_file.write_text(f"account_id,monthly_budget_usd,warn_ratio\n*,{dollars},\n")
        self.world.sim.set_now(at)
        if kind in DAMAGED and step is nightly:
            with Warehouse.of(settings).write() as con:
                con.execute(DAMAGE)
        transport = SimulatorTransport(self.world.sim)
        with RecoupClient(settings, clock=fixed(at), transport=transport, sleep=lambda _: None) as client:
            step(settings, clock=fixed(at), client=client)

    def is_in_outage(self, instant: datetime) -> bool:
        """Tell whether the source answered with empty lists then."""
        return OUTAGE[0] <= (instant - START) / DAY % ROUND < OUTAGE[1] + 1

    def repair(self) -> None:
        """What the runbook says after a check found damage."""
        rebuild(self.world.settings)
