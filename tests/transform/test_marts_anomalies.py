"""Days that stand out from a task's own four weeks: which are anomalies, and which cannot be judged."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.warehouse_builder import WarehouseBuilder, add_runs, built

DAY = timedelta(days=1)

NIGHT = datetime(2026, 8, 20, 1, tzinfo=UTC)
FINE, BAD, DEAR = ("succeeded", "0.04"), ("failed", "0.04"), ("succeeded", "0.4")


def days_of(task_id: str, back: int, dice: random.Random) -> list[tuple[str, str]]:
    """The runs of a task's day, counted back from today."""
    match task_id, back:
        case "burst", 10:
            return [BAD] * 12 + [FINE] * 12
        case "moving", 5:
            return [FINE] * 40
        case "moving", 9:
            return [FINE] * 3
        case "moving", 13:
            return [DEAR] * 24
        case "weekly", _:
            return [FINE] * (0 if back % 7 in (2, 3) else 24 + dice.randint(-1, 1))
        case "open", 6:
            return [DEAR] * 23 + [("in_flight", "0.4")]
        case "new", (4 | 5):
            return [FINE] * 2
    return [FINE] * 24


ANOMALIES = {
    "burst": [(10, "high", "normal", "normal")],
    "moving": [
        (5, "normal", "high", "high"),
        (9, "too_few", "low", "low"),
        # A day at ten times the cost does not hide day 5 from view, which comes after it.
        (13, "normal", "high", "normal"),
    ],
    "weekly": [],
    # Dear as well, but one of its runs may still grow.
    "open": [],
    "new": [],
}


@pytest.fixture(scope="module")
def two_months() -> WarehouseBuilder:
    dice, house, runs = random.Random(5), WarehouseBuilder(), []
    for task_id in ANOMALIES:
        seen = (NIGHT - (12 if task_id == "new" else 90) * DAY).replace(hour=0)
        house.task(task_id, observed_from_at=seen)
        for back in range(60):
            for number, (outcome, cents) in enumerate(days_of(task_id, back, dice)):
                at = NIGHT - back * DAY + number * timedelta(minutes=10)
                runs.append({"task_id": task_id, "created_at": at, "outcome": outcome, "compute_cents": cents})
    add_runs(house, runs)
    return built(house, "anomalies")


VERDICTS = "date_diff('day', date, date '2026-08-20'), failure_verdict, spend_verdict, run_count_verdict"


@pytest.mark.slow
@pytest.mark.parametrize("task_id", ANOMALIES)
def test_only_days_that_stand_out_are_anomalies(two_months: WarehouseBuilder, task_id: str) -> None:
    sql = f"select {VERDICTS} from marts.anomalies where is_anomaly and task_id = ? order by date desc"
    assert two_months.query(sql, task_id) == ANOMALIES[task_id]


@pytest.mark.slow
def test_the_tested_day_is_not_in_its_own_baseline(two_months: WarehouseBuilder) -> None:
    rows = two_months.query(
        "select failure_ratio, baseline_n, baseline_failure_ratio, baseline_day_count from marts.anomalies "
        "where task_id = 'burst' and date in ('2026-08-10', '2026-08-11') order by date"
    )
    assert rows == [(0.5, 28 * 24, 0.0, 28), (0.0, 28 * 24, 12 / (28 * 24), 28)]


def test_thirty_days_are_tested_today_left_out_and_anomalies_come_first(two_months: WarehouseBuilder) -> None:
    days = two_months.query(
        "select count(*), count(distinct date), min(date)::varchar, max(date)::varchar "
        "from marts.anomalies where task_id = 'burst' or scope = 'fleet'"
    )
    assert days == [(60, 30, "2026-07-21", "2026-08-19")]
    flags = [flag for (flag,) in two_months.query("select is_anomaly from marts.anomalies")]
    assert flags == sorted(flags, reverse=True)


def test_days_that_are_not_completely_known_are_neither_tested_nor_a_baseline(two_months: WarehouseBuilder) -> None:
    """The task was seen first twelve days ago, so that its two quiet days have no baseline of 14 days."""
    rows = two_months.query(
        "select max(baseline_day_count), list(distinct spend_verdict), list(distinct run_count_verdict) "
        "from marts.anomalies where task_id = 'new'"
    )
    assert rows == [(11, ["too_few"], ["too_few"])]
