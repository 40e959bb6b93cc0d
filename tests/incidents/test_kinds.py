"""What each kind measures on a warehouse with every kind of trouble in it; and that its query shows rows."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from pipelines.incidents.limits import read_limits
from pipelines.incidents.observe import (
    BUILD_KINDS,
    LAKE_KINDS,
    NIGHT_KINDS,
    POLL_KINDS,
    STATE_KINDS,
    Observation,
    observe,
)
from tests.support.warehouse_builder import NOW, WarehouseBuilder

DUE: dict[str, Any] = {"schedule": "0 9 * * *", "schedule_id": "s", "timezone": "UTC"}


def at(days_ago: float) -> str:
    return (NOW - timedelta(days=days_ago)).isoformat()


@pytest.fixture(scope="module")
def house() -> Iterator[WarehouseBuilder]:
    house = WarehouseBuilder()
    for number in range(2, 5):
        house.poll(f"p{number}", started_at=at(-number / 1000), status="failed", error_kind="Unreachable")
    for task_id in ("failing", "healthy", "hanging", "dear"):
        house.task(task_id, title=f"The {task_id} one", account_id=f"account of {task_id}")
    house.task("silent", **DUE, observed_from_at=at(9), observed_until_at=at(0)).version(
        "silent", **DUE, valid_from=at(99)
    )
    house.rows("task_observations", {"task_id": "silent", "poll_id": "p1", "observed_at": at(9), "verdict": "known"})
    house.task("unseen", last_verdict="unknown").run("u", "unseen", created_at=at(1), outcome="failed")
    house.task("off", is_enabled=False)
    for day in range(1, 6):
        house.run(f"h{day}", "healthy", created_at=at(day), finished_at=at(day))
        house.run(f"old{day}", "healthy", created_at=at(day + 20), finished_at=at(day + 20))
        house.run(
            f"f{day}", "failing", created_at=at(day), outcome="failed", error_name="NewError", error_message="lost it"
        )
    house.run("s", "silent", created_at=NOW.replace(hour=9).isoformat().replace("-20T", "-14T"))
    house.run("long", "hanging", created_at=at(3), last_observed_at=at(0), outcome="in_flight")
    house.run("ended", "hanging", created_at=at(3), outcome="succeeded")
    message = "MAX_DURATION_EXCEEDED after 300s"
    house.run("nameless", "dear", created_at=at(2), outcome="failed", error_message=message)
    house.run("d", "dear", created_at=at(1), compute_cents=900)
    house.rows("budgets", {"account_id": "account of dear", "monthly_budget_usd": 5, "warn_ratio": 0.8})
    house.gap(at(2.1), at(2.2), task_id="healthy")
    house.build()
    yield house


def found(house: WarehouseBuilder, *kinds: str) -> dict[str, Observation]:
    seen = observe(house.con, kinds, {"run_hanging": ["ended"]})
    assert len({(one.kind, one.subject) for one in seen}) == len(seen)
    return {one.subject: one for one in seen}


def test_every_kind_has_a_limit_and_every_limit_a_kind() -> None:
    assert set(read_limits(None).by_kind) == {*POLL_KINDS, *BUILD_KINDS, *STATE_KINDS, *NIGHT_KINDS, *LAKE_KINDS}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "measures"),
    [
        ("task_failing", {"failing": 5.0, "healthy": 0.0, "off": 0.0, "unseen": None, "silent": None}),
        ("task_silent", {"silent": 6.0, "healthy": 0.0, "off": 0.0, "unseen": None}),
        ("run_hanging", {"ended": 0.0}),
        ("budget", {"account of dear": 2.0}),
        ("poll_failing", {"pipeline": 3.0}),
        ("source_outage", {"source": 0.0}),
    ],
)
def test_a_kind_measures_what_it_says(house: WarehouseBuilder, kind: str, measures: dict[str, float | None]) -> None:
    seen = found(house, kind)
    assert {subject: seen[subject].measure for subject in measures} == measures


@pytest.mark.slow
def test_an_account_whose_costs_nobody_told_is_neither_over_budget_nor_within() -> None:
    house = (
        WarehouseBuilder().task(account_id="a").run("r", created_at=at(1), compute_cents=None, invocation_cents=None)
    )
    house.rows("budgets", {"account_id": "a", "monthly_budget_usd": 5, "warn_ratio": 0.8})
    house.build()
    assert [(one.measure, "an unknown sum of" in one.cause) for one in found(house, "budget").values()] == [
        (None, True)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("runs", "measure"), [(3, 0.0), (30, 2.0), (0, 2.0), (None, None)], ids=["usual", "many", "none", "an outage"]
)
def test_a_day_that_nobody_can_judge_ends_no_anomaly(runs: int | None, measure: float | None) -> None:
    house = WarehouseBuilder().task(**DUE, observed_from_at=at(40), observed_until_at=at(0))
    house.version(**DUE, valid_from=at(99))
    for day in range(2, 31):
        for number in range(3):
            house.run(f"r{day}-{number}", created_at=at(day - number / 100))
    for number in range(runs or 0):
        house.run(f"new-{number}", created_at=at(1 - number / 100))
    if runs is None:
        house.gap(at(1.4), at(0.6), from_at=at(1.4), to_at=at(0.6), cause="source_outage")
    house.build()
    assert found(house, "anomaly")["t"].measure == measure


@pytest.mark.slow
def test_a_run_that_does_not_end_and_a_new_error_and_lost_runs_measure_above_their_limits(
    house: WarehouseBuilder,
) -> None:
    limits = read_limits(None)
    hanging, errors, lost = (found(house, kind) for kind in ("run_hanging", "new_error", "coverage_falling"))
    assert (hanging["long"].measure or 0) > (limits.of("run_hanging", "long") or 0)
    assert [one.measure for one in errors.values() if one.title == "NewError: lost it"] == [5.0]
    assert [one.measure for one in errors.values() if one.title == "MAX_DURATION_EXCEEDED after <n>"] == [1.0]
    assert "was EXECUTING for 3 d when last seen" in hanging["long"].cause
    assert (lost["pipeline"].measure or 0) > (limits.of("coverage_falling", "pipeline") or 0)


def test_every_observation_says_why_and_its_query_runs(house: WarehouseBuilder) -> None:
    seen = observe(house.con, [*POLL_KINDS, *BUILD_KINDS], {"run_hanging": ["ended"]})
    assert {one.kind for one in seen} >= {*POLL_KINDS, *BUILD_KINDS} - {"anomaly"}
    for one in seen:
        assert one.cause, one
        assert one.completeness, one
        house.con.execute(one.rows_query).fetchall()
