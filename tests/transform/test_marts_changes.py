"""Before and after a change of a task: a difference counts only when it is more than noise, by Welch and Newcombe."""

import random
from datetime import UTC, datetime, timedelta
from math import sqrt
from statistics import fmean, variance
from typing import Any

import pytest

from tests.support.statistics_helpers import Z, scalar, student_tail
from tests.support.warehouse_builder import WarehouseBuilder, add_runs, built

HOUR = timedelta(hours=1)

CHANGED = datetime(2026, 8, 1, tzinfo=UTC)
DICE = random.Random(7)
UNEVEN: list[list[dict[str, Any]]] = [
    [
        {
            "outcome": DICE.choice(["succeeded", "succeeded", "failed"]),
            "compute_cents": round(DICE.lognormvariate(-3, 0.5), 8),
            "duration_ms": DICE.randint(10_000, 40_000),
        }
        for _ in range(count)
    ]
    for count in (30, 12)
]


def side(n: int, failed: int = 0, cents: float = 0.04, ms: int = 20_000) -> list[dict[str, Any]]:
    """Runs that differ a little, the first ones failed."""
    return [
        {
            "outcome": "failed" if number < failed else "succeeded",
            "compute_cents": cents * (1 + number % 5 / 10),
            "duration_ms": int(ms * (1 + number % 5 / 10)),
        }
        for number in range(n)
    ]


def same(cents: str) -> list[dict[str, Any]]:
    return [{"outcome": "succeeded", "compute_cents": cents, "duration_ms": 1}] * 12


# Runs before and after a change, and the verdicts on failures, cost and duration.
CHANGES: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], tuple[str, str, str] | None]] = {
    "nothing changed": (side(40), side(40), ("noise", "noise", "noise")),
    "more failures": (side(40, failed=2), side(40, failed=20), ("higher", "noise", "noise")),
    "all is better": (side(40, failed=20), side(40, failed=2, cents=0.02, ms=5_000), ("lower", "lower", "lower")),
    "dearer": (side(40, failed=2), side(40, failed=3, cents=0.08), ("noise", "higher", "noise")),
    "ten runs are enough": (side(10), side(10, failed=10, ms=90_000), ("higher", "noise", "higher")),
    "nine are not": (side(40), side(9, failed=9, cents=9), ("too_few", "too_few", "too_few")),
    "no run since": (side(40), [], ("too_few", "too_few", "too_few")),
    "the same cost in every run leaves no doubt": (same("0.04"), same("0.05"), ("noise", "higher", "noise")),
    "uneven": (UNEVEN[0], UNEVEN[1], None),
}


@pytest.fixture(scope="module")
def changes() -> WarehouseBuilder:
    house, runs = WarehouseBuilder(), []
    for task_id, (before, after, _) in CHANGES.items():
        house.task(task_id)
        house.version(task_id, 1, model="old", valid_from="2026-01-01T00:00:00Z", valid_to=CHANGED, is_current=False)
        house.version(task_id, 2, model="new", valid_from=CHANGED)
        for sign, part in ((-1, before), (1, after)):
            places = [{"task_id": task_id, "created_at": CHANGED + sign * (place + 1) * HOUR} for place in range(40)]
            runs += [run | place for run, place in zip(part, places, strict=False)]
    add_runs(house, runs)
    return built(house, "task_changes")


@pytest.mark.slow
@pytest.mark.parametrize("case", [name for name, (_, _, verdicts) in CHANGES.items() if verdicts])
def test_a_difference_counts_only_when_it_is_more_than_noise(changes: WarehouseBuilder, case: str) -> None:
    verdicts = changes.query(
        "select failure_verdict, cost_verdict, duration_verdict from marts.task_changes where task_id = ?", case
    )
    assert verdicts == [CHANGES[case][2]]


@pytest.mark.slow
def test_a_change_is_compared_as_by_hand(changes: WarehouseBuilder) -> None:
    (found,) = changes.query(
        "select before_n, after_n, difference_cents, difference_low_cents, difference_high_cents, difference_ms, "
        "difference_low_ms, difference_high_ms, failure_difference_low from marts.task_changes where task_id = 'uneven'"
    )
    assert found[:2] == (30, 12)
    for column, name in ((2, "compute_cents"), (5, "duration_ms")):
        before, after = ([run[name] for run in part] for part in UNEVEN)
        errors = variance(before) / len(before), variance(after) / len(after)
        df = sum(errors) ** 2 / (errors[0] ** 2 / (len(before) - 1) + errors[1] ** 2 / (len(after) - 1))
        difference = fmean(after) - fmean(before)
        margin = (float(found[column + 2]) - float(found[column + 1])) / 2
        assert float(found[column]) == pytest.approx(difference, rel=1e-9)
        assert float(found[column + 1] + found[column + 2]) / 2 == pytest.approx(difference, rel=1e-6)
        assert student_tail(margin / sqrt(sum(errors)), df) == pytest.approx(0.025, rel=2e-3)
    failed = [sum(run["outcome"] == "failed" for run in part) for part in UNEVEN]
    expected = scalar("core.newcombe_low($a, 30, $b, 12, $z)", a=failed[0], b=failed[1], z=Z)
    assert found[8] == pytest.approx(expected, abs=1e-12)
