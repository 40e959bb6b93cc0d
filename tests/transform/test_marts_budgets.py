"""Budgets and the forecast of a month's spend, against plain computation in Python."""

import random
from datetime import UTC, datetime, timedelta
from math import sqrt
from statistics import fmean, stdev
from typing import Any

import pytest

from tests.support.statistics_helpers import Z
from tests.support.warehouse_builder import NOW, WarehouseBuilder, add_runs, built


def test_the_forecast_is_spend_plus_remaining_ticks_at_their_mean_cost() -> None:
    """Hourly and daily to the end of August: 275 and 11 ticks after 20 August, 12:00."""
    dice = random.Random(11)
    house, ticks = WarehouseBuilder(), {"t1": 275, "t2": 11}
    costs: dict[str, list[float]] = {"t1": [], "t2": []}
    for task_id, schedule in (("t1", "0 * * * *"), ("t2", "0 9 * * *")):
        house.task(task_id, account_id="a", schedule=schedule, timezone="UTC", schedule_id=f"s{task_id}")
    runs: list[dict[str, Any]] = []
    for number in range(33):
        task_id = "t2" if number % 4 == 3 else "t1"
        cents = round(dice.uniform(0.01, 0.2), 6)
        costs[task_id].append(cents + 0.0025)
        at = NOW - (number + 1) * timedelta(hours=20)
        runs.append({"task_id": task_id, "created_at": at, "compute_cents": cents})
    add_runs(house, runs)
    built(house, "budget_status")
    ((spent, forecast, low, high, remaining),) = house.query(
        "select total_usd, forecast_usd, forecast_low_usd, forecast_high_usd, remaining_tick_count "
        "from marts.budget_status"
    )
    assert remaining == sum(ticks.values())
    by_hand = (
        sum(run["compute_cents"] + 0.0025 for run in runs if run["created_at"] >= datetime(2026, 8, 1, tzinfo=UTC))
        / 100
    )
    rest = sum(ticks[task_id] * fmean(costs[task_id]) for task_id in costs) / 100
    spread = sum(ticks[t] * stdev(c) ** 2 * (1 + ticks[t] / len(c)) for t, c in costs.items())
    assert float(spent) == pytest.approx(by_hand, abs=1e-12)
    assert float(forecast) == pytest.approx(by_hand + rest, abs=1e-12)
    assert float(forecast - low) == pytest.approx(Z * sqrt(spread) / 100, rel=1e-6)
    assert float(high - forecast) == pytest.approx(Z * sqrt(spread) / 100, rel=1e-6)
