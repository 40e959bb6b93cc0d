"""Budgets, the forecast of a month's spend, and whose money it is, against plain computation in Python."""

import random
from datetime import UTC, datetime, timedelta
from math import sqrt
from statistics import fmean, stdev
from typing import Any

import pytest

from tests.support.statistics_helpers import Z
from tests.support.warehouse_builder import NOW, WarehouseBuilder, add_runs, built


@pytest.mark.slow
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
    assert float(spent) == pytest.approx(by_hand, abs=1e-10)
    assert float(forecast) == pytest.approx(by_hand + rest, abs=1e-10)
    assert float(forecast - low) == pytest.approx(Z * sqrt(spread) / 100, rel=1e-6)
    assert float(high - forecast) == pytest.approx(Z * sqrt(spread) / 100, rel=1e-6)


@pytest.mark.slow
def test_closed_months_do_not_change_when_a_task_moves() -> None:
    """To another account and artist, in the middle of August; the rest of August is then the new owner's."""
    house = WarehouseBuilder().task(account_id="seller", artist_account_id="one", artist_name="One")
    house.task("other", account_id="buyer", artist_account_id="two", artist_name="Two")
    for number, day in enumerate(("06-30", "07-15", "08-05", "08-15")):
        house.run(f"r{number}", created_at=f"2026-{day}T09:00:00Z", compute_cents="12.345678901234567890")
    house.gap("2026-07-20T09:00:00Z")
    # All but the artist's name, which is today's.
    months = "select * exclude (artist_name) from marts.spend_monthly where month < '2026-08-01' order by all"
    house.build()
    before = house.query(months)
    assert len(before) > 2
    house.con.execute("update core.task_versions set valid_to = '2026-08-10', is_current = false where task_id = 't'")
    house.version(
        "t", 2, valid_from="2026-08-10T00:00:00Z", account_id="buyer", artist_account_id="two",
        changed_columns=["account_id", "artist_account_id"],
    )  # fmt: skip
    house.con.execute("update core.tasks set account_id = 'buyer', artist_account_id = 'two', artist_name = 'Two'")
    house.build()
    assert house.query(months) == before
    august = house.query("select account_id, run_count from marts.spend_monthly where month = '2026-08-01' order by 1")
    assert august == [("buyer", 1), ("seller", 1)]
    budgets = house.query("select account_id, run_count, total_cents from marts.budget_status order by 1")
    assert [row[:2] for row in budgets] == [("buyer", 1), ("seller", 1)]
    assert [name for name, result in house.failing_checks("marts.spend_monthly").items() if result.blocks] == []
