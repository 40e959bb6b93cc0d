"""Checks over whole histories: versions of any periods, and bad days as the loader stores them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.transform.build import build
from pipelines.transform.checks import run_checks
from tests.support import bodies
from tests.support.warehouse_builder import WarehouseBuilder, models

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def lone_task() -> WarehouseBuilder:
    return WarehouseBuilder().task()


PERIODS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20)), min_size=1, max_size=6)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(periods=PERIODS)
def test_overlaps_and_holes_of_versions_are_found_whatever_they_look_like(
    lone_task: WarehouseBuilder, periods: list[tuple[int, int]]
) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    house = lone_task
    house.con.execute("delete from core.task_versions")
    for number, (day, length) in enumerate(periods, 1):
        is_last = number == len(periods)
        valid_from, valid_to = start + timedelta(days=day), start + timedelta(days=day + length)
        house.version(
            "t",
            number,
            valid_from=valid_from,
            valid_to=None if is_last else valid_to,
            changed_columns=["model"] if number > 1 else [],
        )
    found = house.failing_checks("core.task_versions")
    pairs = list(zip(periods, periods[1:], strict=False))
    overlaps = [after for before, after in pairs if after[0] < sum(before)]
    holes = [after for before, after in pairs if after[0] != sum(before)]
    assert ("core.task_versions.task_versions_overlap" in found) == bool(overlaps)
    assert ("core.task_versions.task_versions_leave_holes" in found) == bool(holes)


def hourly(first: int, last: int, **over: Any) -> list[dict[str, Any]]:
    """The window of an hourly task: its newest five runs among those of the hours first to last."""
    return [bodies.run(f"run_{n}", bodies.NOON + n * HOUR, **over) for n in range(last, max(first, last - 4) - 1, -1)]


@pytest.mark.slow
def test_what_the_loader_makes_of_bad_days_passes_every_blocking_check(tmp_path: Path) -> None:
    """A gap, a change of model, an outage, a new schedule, a disabled time, a deletion and a return."""
    harness = bodies.LoadHarness(tmp_path)
    harness.con.execute("set threads = 1")
    other = bodies.task("other", runs=[bodies.run("run_o", status="SURPRISE", isTest=True)])
    steady: dict[str, Any] = {"schedule": "0 * * * *", "upcoming": [bodies.iso(bodies.NOON + 200 * HOUR)]}
    days: list[tuple[int, list[dict[str, Any]]]] = [
        (3, [bodies.task(runs=hourly(0, 3), **steady), other]),
        (14, [bodies.task(runs=hourly(0, 14, status="FAILED"), model="new", **steady), other]),
        (16, [bodies.task(runs=[], timezone=None, model="new", **steady | {"upcoming": []}), other]),
        (18, [bodies.task(runs=hourly(0, 18), model="new", prompt="Other.", **steady), other]),
        (20, [bodies.task(runs=hourly(20, 20), trigger_schedule_id="sched_2", **steady), other]),
        (22, [bodies.task(runs=[], trigger_schedule_id=None, enabled=False, timezone=None, **steady), other]),
        (26, [other]),
        (30, [bodies.task(runs=hourly(29, 30), trigger_schedule_id="sched_3", **steady), other]),
    ]
    for hour, tasks in days:
        harness.poll(bodies.NOON + hour * HOUR + timedelta(minutes=30), tasks)
        if hour not in (16, 26, 30):
            continue
        build(
            harness.con,
            models=models(),
            as_of=bodies.NOON + hour * HOUR + timedelta(minutes=31),
            reporting_timezone="America/New_York",
        )
        assert [result for result in run_checks(harness.con, models()) if result.blocks] == []
    assert harness.one("select runs_missing_count from marts.warehouse_info") > 0
    assert harness.one("select sum(run_count) from marts.spend_daily") == harness.one("select count(*) from core.runs")
