"""The proof at full length: simulated months of a fleet, polled at each pace, and the verdict on what was kept.

`python -m benchmarks.proof` prints the figures of docs/completeness.md. World and judge live in tests/proof, where a
short version runs as a test. Exit status 1 when anything that must be zero is not.
"""

import signal
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from tests.proof.judge import Verdict, judge, rows
from tests.proof.world import DAY, Details, Pace, World, made_late, only
from tests.support.large_fleet import large_fleet

START = datetime(2026, 8, 20, tzinfo=UTC)
QUICKEST, QUICK, SLOWER = ("5-minute",), ("15-minute",), ("hourly", "6-hourly", "daily", "weekly", "monthly")
ALL = (*QUICKEST, *QUICK, *SLOWER)
LOOK_AGAIN = timedelta(minutes=5)
SHOWN = {
    "task_count": "tasks",
    "poll_count": "polls",
    "failed_count": "of them failed",
    "suspect_count": "of them suspect",
    "existed_count": "runs that existed",
    "observed_count": "of them in the warehouse",
    "recovered_count": "runs found by the runs endpoint",
    "missing_count": "runs counted missing",
    "missing_window_overflow_count": "by overflow between polls",
    "missing_source_outage_count": "by outage",
    "missing_not_polled_count": "by nobody polling",
    "missing_seven_day_cut_count": "by the seven-day cut",
    "missing_schedule_replaced_count": "by schedule replaced or task deleted",
    "skipped_counted_missing": "too many: tick skipped upstream",
    "stalled_counted_missing": "of them after a late run or a stall",
    "pending_counted_missing": "too many: run not yet inserted",
    "surplus_reconfigured_count": "too many: schedule changed unseen",
    "day_count": "days of tasks",
    "exact_day_count": "of them exact",
    "surplus_day_count": "of them with too many",
    "judged_tick_count": "ticks judged",
    "late_tick_count": "of them late",
    "missed_tick_count": "of them missed",
    "missed_pending_count": "of those, run not yet inserted",
    "unobservable_tick_count": "ticks unobservable",
    "cents": "cents of observed runs",
    "seconds": "seconds of this run",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One warehouse that watches (a part of) the fleet."""

    name: str
    pace: Pace
    details: Details
    cadences: Collection[str]
    days: int


def parts(days: int, quick_days: int) -> Iterator[Part]:
    """Yield the parts of the proof."""
    yield Part("nightly", "nightly", "off", ALL, days)
    yield Part("nightly, recovering", "nightly", "auto", ALL, days)
    yield Part("sensor, hourly and slower", "sensor", "off", SLOWER, days)
    yield Part("sensor, 15 minutes", "sensor", "off", QUICK, quick_days)
    yield Part("sensor, 5 minutes", "sensor", "off", QUICKEST, quick_days)


@click.command()
@click.option("--days", default=90, show_default=True, help="Simulated days.")
@click.option(
    "--quick-days",
    default=5,
    show_default=True,
    help="Simulated days of the quick tasks at the sensor's pace.",
)
@click.option("--tasks", default=200, show_default=True, help="Tasks of the fleet.")
@click.option("--seed", default=7, show_default=True)
@click.option("--only", "wanted", default="", help="Run only parts whose name begins so.")
@click.option("--late/--on-time", "is_late", help="Let runs be inserted early and late, and schedules stall.")
def main(days: int, quick_days: int, tasks: int, seed: int, wanted: str, is_late: bool) -> None:
    """Poll simulated months at each pace and compare the warehouse with the truth. Ctrl-C judges what was lived so far."""
    console, is_proved = Console(width=120), True
    for part in parts(days, quick_days):
        if part.name.startswith(wanted):
            is_proved &= _prove(part, tasks, seed, is_late, console)
    console.print("proved" if is_proved else "NOT proved")
    sys.exit(0 if is_proved else 1)


def _prove(part: Part, tasks: int, seed: int, is_late: bool, console: Console) -> bool:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        fleet = only(large_fleet(seed, START, part.days, tasks), part.cadences)
        fleet = made_late(fleet, START, part.days) if is_late else fleet
        world = World(fleet, START, Path(folder), part.details)
        world.bad_days(part.days, seed)
        until = _live(world, part, console)
        verdict = judge(world, until)
        _show(part, until - START, world, verdict, time.monotonic() - began, console)
    return verdict.is_proved


def _live(world: World, part: Part, console: Console) -> datetime:
    """Poll to the end of the part, or until Ctrl-C; return how far it came."""
    interrupted: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: interrupted.append(number))
    until = START + part.days * DAY
    try:
        for at in world.run(part.pace, until):
            if world.poll_count % 200 == 0:
                console.log(f"{part.name}: {world.poll_count} polls, {at:%Y-%m-%d %H:%M}")
            if interrupted:
                until = at + LOOK_AGAIN
                break
    finally:
        signal.signal(signal.SIGINT, before)
    world.look_again(until)
    return until


def _show(part: Part, lived: timedelta, world: World, verdict: Verdict, seconds: float, console: Console) -> None:
    table = Table(title=f"{part.name}, {lived / DAY:.0f} days", show_header=False)
    counts = {name: getattr(world, name) for name in ("poll_count", "failed_count", "suspect_count")}
    figures = verdict.numbers | counts | {"seconds": round(seconds)}
    for name, label in SHOWN.items():
        table.add_row(label, f"{figures[name]:,}")
    for name, count in verdict.faults.items():
        table.add_row(name.replace("_", " "), f"{count:,}")
    console.print(table)
    for name in (name for name, count in verdict.faults.items() if count):
        console.print(name, rows(world, name))
    if verdict.failed_checks:
        console.print("failed checks:", ", ".join(verdict.failed_checks))


if __name__ == "__main__":
    main()
