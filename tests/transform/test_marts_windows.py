"""Marts over windows of days and their coverage, against counting in plain Python over a warehouse made by chance."""

import random
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from math import ceil
from typing import Any

import pytest

from tests.support.warehouse_builder import NOW, WarehouseBuilder, add_runs, built

DAY = timedelta(days=1)
Chance = tuple[WarehouseBuilder, list[dict[str, Any]]]


def random_house(seed: int) -> Chance:
    """Three tasks with a change of model, runs of all outcomes over 100 days, and a hole."""
    dice = random.Random(seed)
    house, runs = WarehouseBuilder(), []
    for task_id, seen in (("t1", "2026-01-01"), ("t2", "2026-08-10"), ("t3", "2026-05-01")):
        house.task(task_id, model="new", account_id=f"a{task_id[1]}", observed_from_at=f"{seen}T00:00:00Z")
        change = {"valid_to": "2026-08-15T00:00:00Z", "is_current": False}
        house.version(task_id, 1, model="old", valid_from="2026-01-01T00:00:00Z", **change)
        house.version(task_id, 2, model="new", valid_from="2026-08-15T00:00:00Z")
    for _ in range(120):
        at = NOW - timedelta(seconds=int(100 * 86_400 * dice.random() ** 3))
        runs.append(
            {
                "task_id": dice.choice(["t1", "t2", "t3", None]),
                "created_at": at,
                "started_at": at + timedelta(milliseconds=dice.randint(0, 5000)),
                "outcome": dice.choice(["succeeded"] * 4 + ["failed"] * 2 + ["cancelled", "expired", "in_flight"]),
                "is_test": dice.random() < 0.1,
                "version": dice.choice(["v1", "v2", None]),
                "duration_ms": dice.choice([None, dice.randint(1, 60_000)]),
                "compute_cents": Decimal(dice.randint(0, 10**8)).scaleb(-7),
                "attempt_count": dice.choice([None, 1, 1, 2, 3]),
            }
        )
    add_runs(house, runs)
    house.gap("2026-08-18T10:00:00.000001Z", "2026-07-01T10:00:00.000001Z", task_id="t1")
    return house, runs


def nearest_rank(values: list[int], share: float) -> int | None:
    return sorted(values)[max(ceil(share * len(values)), 1) - 1] if values else None


RATES = ("failure_rates", "failure_rates_by_model", "failure_rates_by_version")


@pytest.fixture(scope="module")
def by_chance() -> Chance:
    house, runs = random_house(1)
    return built(house, *RATES, "cost_per_success", "run_durations", "retry_stats"), runs


@pytest.mark.slow
def test_marts_over_windows_agree_with_counting_by_hand(by_chance: Chance) -> None:
    house, runs = by_chance
    for days in (1, 7, 30, 90):
        inside = [run for run in runs if run["created_at"] > NOW - days * DAY and not run["is_test"]]
        ended = [run for run in inside if run["outcome"] in ("succeeded", "failed")]
        failed = sum(run["outcome"] == "failed" for run in ended)
        for name in RATES:
            sums = house.query(f"select sum(n), sum(failed_count) from marts.{name} where window_days = ?", days)
            assert sums == [(len(ended), failed)]
        by_task: dict[str | None, list[dict[str, Any]]] = defaultdict(list)
        for run in ended:
            by_task[run["task_id"]].append(run)
        _compare_costs(house, days, inside)
        _compare_durations(house, days, by_task)
        _compare_retries(house, days, by_task)


def _compare_costs(house: WarehouseBuilder, days: int, inside: list[dict[str, Any]]) -> None:
    shown = house.query(
        "select task_id, total_cents, cost_per_success_cents from marts.cost_per_success where window_days = ?", days
    )
    for task_id, total, per_success in shown:
        of_task = [run for run in inside if run["task_id"] == task_id]
        expected = sum((run["compute_cents"] + Decimal("0.0025") for run in of_task), Decimal(0))
        successes = sum(run["outcome"] == "succeeded" for run in of_task)
        assert total == expected
        assert (per_success is None) == (successes == 0)
        if successes:
            assert abs(per_success * successes - expected) <= Decimal(successes).scaleb(-20)


def _compare_durations(house: WarehouseBuilder, days: int, by_task: dict[str | None, list[dict[str, Any]]]) -> None:
    shown = house.query(
        "select task_id, n, billed_n, billed_p50_ms, billed_p95_ms, queue_p50_ms, queue_p95_ms "
        "from marts.run_durations where window_days = ?",
        days,
    )
    expected = set()
    for task_id, of_task in by_task.items():
        billed = [run["duration_ms"] for run in of_task if run["duration_ms"] is not None]
        queue = [(run["started_at"] - run["created_at"]) // timedelta(milliseconds=1) for run in of_task]
        percentiles = [nearest_rank(values, share) for values in (billed, queue) for share in (0.5, 0.95)]
        expected.add((task_id, len(of_task), len(billed), *percentiles))
    assert set(shown) == expected


def _compare_retries(house: WarehouseBuilder, days: int, by_task: dict[str | None, list[dict[str, Any]]]) -> None:
    shown = house.query(
        "select task_id, observed_count, attempt_count, first_attempt_success_count, recovered_by_retry_count "
        "from marts.retry_stats where window_days = ?",
        days,
    )
    expected = set()
    for task_id, of_task in by_task.items():
        known = [run for run in of_task if run["attempt_count"] is not None]
        good = [run["attempt_count"] for run in known if run["outcome"] == "succeeded"]
        counts = (sum(run["attempt_count"] for run in known), good.count(1), sum(count > 1 for count in good))
        expected.add((task_id, len(known), *(counts if known else (None, None, None))))
    assert set(shown) == expected


@pytest.mark.slow
def test_both_marts_on_coverage_say_the_same() -> None:
    house, _ = random_house(3)
    house.task("gone", deleted_at="2026-08-19T00:00:00Z", schedule_id="s").task(
        "stale", observed_until_at="2026-08-20T09:00:00Z"
    )
    house.task("due", observed_until_at="2026-08-20T11:50:00Z").tick("2026-08-20T11:55:00Z", "due")
    house.task("never", observed_from_at=None, observed_until_at=None).task("hole")
    house.gap(task_id="hole", gap_id="h", runs_missing_count=None, to_at="2026-08-01T00:00:00Z")
    built(house, "window_coverage", "task_coverage")
    differing = house.query(
        "select * from marts.task_coverage as t inner join marts.window_coverage as w using (task_id) "
        "where (window_days = 7 and (w.coverage_status, w.runs_missing_count) "
        "is distinct from (t.coverage_status_7d, t.runs_missing_count_7d)) "
        "or (window_days = 30 and (w.coverage_status, w.runs_missing_count) "
        "is distinct from (t.coverage_status_30d, t.runs_missing_count_30d))"
    )
    assert differing == []
    statuses = {status for (status,) in house.query("select coverage_status from marts.window_coverage")}
    assert statuses == {"complete", "gap", "unknown", "not_observed_that_long"}


@pytest.mark.parametrize("name", RATES)
def test_rankings_follow_the_lower_bound(by_chance: Chance, name: str) -> None:
    house, _ = by_chance
    rows = house.query(f"select window_days, failure_rank, failure_ratio_low, n from marts.{name}")
    ranked = [row for row in rows if row[1] is not None]
    assert {row[3] for row in rows if row[1] is None} <= {0}
    assert ranked == sorted(ranked, key=lambda row: (row[0], -row[2], -row[3]))
    assert [row[1] for row in ranked if row[0] == 90] == list(range(1, len([1 for row in ranked if row[0] == 90]) + 1))
