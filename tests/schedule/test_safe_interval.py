"""The longest safe pause between polls: what the macro says, and that the sensor and marts.poll_advice say the same."""

import random
from collections.abc import Iterator
from datetime import timedelta

import pytest

from pipelines.schedule.poll_interval import LONGEST_PAUSE, measure
from tests.support.statistics_helpers import each, scalar
from tests.support.warehouse_builder import NOW, WarehouseBuilder, built

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
SCHEDULES = {
    "* * * * *": MINUTE,
    "*/5 * * * *": 5 * MINUTE,
    "0 * * * *": HOUR,
    "0 9 * * *": DAY,
    "0 9 * * 1": 7 * DAY,
    "0 9 1 * *": 28 * DAY,
    "now and then": None,
}


def longest_pause(gap: int, longest_run: int) -> int:
    """One run of overlap; each run seen after its end, while it is shown; a day in hand before the seven-day cut."""
    shown = min(5 * gap, 7 * DAY)
    return min(4 * gap, 6 * DAY, shown - longest_run if longest_run < shown else 6 * DAY)


def run_lengths(gap: int, dice: random.Random) -> list[int]:
    shown = min(5 * gap, 7 * DAY)
    return [0, 1, gap, shown - 1, shown, shown + 1, 2 * shown, *(dice.randrange(2 * shown) for _ in range(2))]


def test_the_macro_leaves_one_run_of_overlap_and_shows_each_run_after_its_end() -> None:
    dice = random.Random(1)
    cases = [(gap, length) for gap in SCHEDULES.values() if gap for length in run_lengths(gap, dice)]
    found = each("core.safe_poll_ms(a, b)", cases)
    assert found == [(longest_pause(gap, length),) for gap, length in cases]
    assert each("core.safe_poll_ms(a, b)", [(HOUR, None), (None, HOUR)]) == [(4 * HOUR,), (None,)]


def test_the_limits_in_python_are_those_of_the_macros() -> None:
    assert scalar("core.window_length()") == LONGEST_PAUSE + timedelta(days=1)


@pytest.fixture(scope="module")
def fleet() -> Iterator[WarehouseBuilder]:
    """Tasks of each schedule with one run each, of every length that matters; one run lies just outside the memory."""
    house = WarehouseBuilder()
    dice = random.Random(2)
    for schedule, gap in SCHEDULES.items():
        for number, length in enumerate(run_lengths(gap or HOUR, dice)):
            task_id = f"{schedule} {number}"
            created_at = NOW - timedelta(days=30 if number == 3 else 3)
            finished_at = created_at + timedelta(milliseconds=length)
            zone = "UTC" if number % 2 else None
            house.task(task_id, schedule=schedule, timezone=zone, observed_from_at=NOW - timedelta(hours=1))
            house.run(task_id, task_id, created_at=created_at, finished_at=finished_at)
    yield built(house, "poll_advice")
    house.con.close()


@pytest.mark.slow
def test_the_sensor_and_the_mart_agree_task_by_task(fleet: WarehouseBuilder) -> None:
    advice = fleet.query("select task_id, safe_interval_seconds, smallest_gap_ms from marts.poll_advice")
    assert len(advice) == 9 * len(SCHEDULES)
    for task_id, safe_seconds, gap_ms in advice:
        fleet.con.execute("begin; update core.tasks set is_enabled = (task_id = ?)", [task_id])
        cadence = measure(fleet.con, NOW)
        fleet.con.execute("rollback")
        assert cadence.safe_seconds == (None if safe_seconds is None else int(safe_seconds))
        assert cadence.gap_seconds == (None if gap_ms is None else gap_ms // 1000)


@pytest.mark.slow
def test_the_sensor_takes_the_least_pause_of_the_mart(fleet: WarehouseBuilder) -> None:
    [(least,)] = fleet.query("select min(safe_interval_seconds) from marts.poll_advice")
    assert measure(fleet.con, NOW).safe_seconds == int(least)
