"""Each cause of a restated number: what a poll, a person or a new version changed, and nothing else, is named."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from pipelines.transform.model import Model
from tests.support.day_history import CHOSEN
from tests.support.restated import AUGUST_10, AUGUST_11, flip, polled, publish, restated, told
from tests.support.warehouse_builder import NOW, WarehouseBuilder, model

TOMORROW, HOUR = NOW + timedelta(days=1), timedelta(hours=1)
COST = Decimal("0.0425")
NEW = "insert into core.runs select * replace ('n' as run_id, 'p2' as first_poll_id, {}) from core.runs where run_id = 't1'"
# What a poll changed, and by how much of what cause each measure of August 10 of task t changed.
POLLED: dict[str, tuple[str, dict[tuple[str, str], Decimal | int]]] = {
    "a run ended after its day": (
        "update core.runs set outcome = 'failed', status = 'FAILED', is_final = true, updated_at = now(), "
        "compute_cents = 1, total_cents = 1.0025 where run_id = 't2'",
        {("failed", "late_status"): 1, ("cents", "late_status"): Decimal("0.96")},
    ),
    "a run grew dearer while it ran": (
        "update core.runs set compute_cents = 1, total_cents = 1.0025, last_observed_at = now() where run_id = 't2'",
        {("cents", "late_status"): Decimal("0.96")},
    ),
    "details of a run that had ended": (
        "update core.runs set details_observed_at = now(), compute_cents = 1, total_cents = 1.0025 where run_id = 't1'",
        {("cents", "fetched_detail"): Decimal("0.96")},
    ),
    "a run that came late": (
        NEW.format("'window' as found_by"),
        {("runs", "late_run"): 1, ("cents", "late_run"): COST},
    ),
    "a run that was fetched, and its tick": (
        NEW.format("'retrieve' as found_by, created_at + interval 1 hour as created_at")
        + "; update core.missing_runs set recovered_run_id = 'n' where task_id = 't' and tick_at < '2026-08-11'",
        {("runs", "recovered_run"): 1, ("cents", "recovered_run"): COST, ("missing", "recovered_run"): -1},
    ),
    "a new hole": (
        "insert into core.coverage_gaps select * replace ('n' as gap_id, 'p2' as detected_poll_id) from core.coverage_gaps "
        "where gap_id = 'gt'; insert into core.missing_runs select * replace ('n' as gap_id, "
        "tick_at + interval 9 minutes as tick_at) from core.missing_runs where gap_id = 'gt' and tick_at < '2026-08-11'",
        {("missing", "new_gap"): 1},
    ),
    "a hole that holds fewer": (
        "delete from core.missing_runs where gap_id = 'gt' and tick_at < '2026-08-11'",
        {("missing", "healed_gap"): -1},
    ),
    "a deletion": (
        "update core.tasks set deleted_at = '2026-08-12T00:00:00Z' where task_id = 't'; "
        "insert into core.coverage_gaps select * replace ('n' as gap_id, 'p2' as detected_poll_id, 'schedule_replaced' as "
        "cause, timestamptz '2026-08-12T00:00:00Z' as to_at) from core.coverage_gaps where gap_id = 'gt'; insert into "
        "core.missing_runs select * replace ('n' as gap_id, tick_at + interval 9 minutes as tick_at) from "
        "core.missing_runs where gap_id = 'gt' and tick_at < '2026-08-11'",
        {("missing", "deletion"): 1},
    ),
    "a run that is of this task": (
        "update core.runs set task_id = 't' where run_id = 'u1'",
        {("runs", "moved_task"): 1, ("cents", "moved_task"): COST},
    ),
    "a run that ended, and is of another task": (
        "update core.runs set outcome = 'failed', status = 'FAILED', is_final = true, updated_at = now(), "
        "compute_cents = 1, total_cents = 1.0025, task_id = 'u' where run_id = 't2'",
        {
            ("runs", "moved_task"): -1,
            ("cents", "late_status"): Decimal("0.96"),
            ("cents", "moved_task"): Decimal("-1.0025"),
        },
    ),
    "one run came and another was a test": (
        NEW.format("'window' as found_by, 'failed' as outcome")
        + "; update core.runs set is_test = true, updated_at = now() where run_id = 't2'; update core.runs set outcome = "
        "'failed', status = 'FAILED', updated_at = now() where run_id = 't1'",
        {("runs", "late_run"): 1, ("cents", "late_run"): COST, ("failed", "late_run"): 1, ("failed", "late_status"): 1},
    ),
}


@pytest.fixture(scope="module")
def once() -> WarehouseBuilder:
    return told()


@pytest.fixture
def house(once: WarehouseBuilder) -> Iterator[WarehouseBuilder]:
    once.con.execute("begin")
    yield once
    once.con.execute("rollback")


def by_cause(house: WarehouseBuilder, task_id: str = "t") -> dict[tuple[str, str], Decimal]:
    return {(row[2], row[5]): row[6] for row in restated(house) if row[:2] == (AUGUST_10, task_id)}


def causes(house: WarehouseBuilder) -> set[str]:
    return {row[5] for row in restated(house)}


@pytest.mark.parametrize("what", POLLED)
def test_what_a_poll_changed_has_its_cause(house: WarehouseBuilder, what: str) -> None:
    change, expected = POLLED[what]
    polled(house, change)
    publish(house, TOMORROW)
    assert by_cause(house) == expected
    assert {row[0] for row in restated(house)} == {AUGUST_10}
    assert house.failing_checks("core.publishes", "core.restatements") == {}


@pytest.mark.slow
def test_chains() -> None:
    """Nothing new, a day that has not ended, and a hand's work, told once: publishes after each other."""
    house = told()
    assert restated(house) == []
    assert publish(house, TOMORROW, sql_digest="b", program="2") == []
    flip(house)
    today = NEW.format("timestamptz '2026-08-21T09:00:00Z' as created_at")
    polled(house, today)
    assert publish(house, TOMORROW + HOUR, sql_digest="b", program="2") == [], "the day goes on"
    flip(house)
    assert publish(house, TOMORROW + 24 * HOUR) == []
    flip(house)
    polled(house, today.replace("'n'", "'m'").replace("'p2'", "'p3'"), "p3")
    assert {row[5] for row in publish(house, TOMORROW + 25 * HOUR)} == {"late_run"}
    flip(house)
    house.con.execute("update core.runs set outcome = 'failed' where run_id = 't1'")
    assert {row[5] for row in publish(house, TOMORROW + 26 * HOUR)} == {"unexplained"}
    flip(house)
    assert publish(house, TOMORROW + 27 * HOUR) == []
    assert house.failing_checks("core.restatements", "core.publishes") == {}
    assert house.query("select publish_number, compared_with from core.publishes") == [
        (1, None), *((number, number - 1) for number in range(2, 8))
    ]  # fmt: skip


def test_another_zone_moves_runs_and_ticks(house: WarehouseBuilder) -> None:
    """In New York the runs and ticks before four o'clock are of the day before."""
    publish(house, TOMORROW, zone="America/New_York")
    moved = {(row[0], row[2], row[6]) for row in restated(house) if row[1] == "t"}
    assert moved == {
        (AUGUST_10 - timedelta(days=1), "runs", 1),
        (AUGUST_10 - timedelta(days=1), "cents", COST),
        (AUGUST_10 - timedelta(days=1), "missing", 1),
        (AUGUST_10, "runs", -1),
        (AUGUST_10, "cents", -COST),
        (AUGUST_11, "missing", -1),
    }, "on the 10th one tick went and one came"
    assert causes(house) == {"zone_setting"}


def test_what_nobody_told_is_unexplained(house: WarehouseBuilder) -> None:
    """A hand changed core, while no poll, setting or program did."""
    house.con.execute("update core.runs set outcome = 'failed' where run_id = 't1'")
    publish(house, TOMORROW)
    assert by_cause(house) == {("failed", "unexplained"): 1}
    assert not house.failing_checks("core.restatements")["core.restatements.restatements_are_unexplained"].blocks


def test_a_mart_that_a_hand_changed_is_unexplained(house: WarehouseBuilder) -> None:
    polled(house, POLLED["a run grew dearer while it ran"][0])
    spoiled = "case when date = '2026-08-10' then 9 else failed_count end as failed_count"
    days = [
        replace(one, sql=f"select * replace ({spoiled}) from ({one.sql})") if one.name == "task_day_facts" else one
        for one in CHOSEN
    ]
    publish(house, TOMORROW, models=days)
    assert by_cause(house) == {("failed", "unexplained"): 9, ("cents", "late_status"): Decimal("0.96")}


@pytest.mark.parametrize(
    ("made_by", "cause"),
    [({"sql_digest": "b"}, "edited_sql"), ({"program": "2", "sql_digest": "b"}, "product_version")],
)
def test_a_mart_that_counts_otherwise(house: WarehouseBuilder, made_by: dict[str, str], cause: str) -> None:
    """Beside it a run ended and a run is read otherwise: each has its own share."""
    polled(house, POLLED["a run grew dearer while it ran"][0])
    house.con.execute("update core.runs set outcome = 'failed' where run_id = 't1'")
    publish(house, TOMORROW, models=edited("count(*) as run_count", "count(*) + 1 as run_count"), **made_by)
    assert by_cause(house) == {
        ("runs", cause): 1,
        ("failed", cause): 1,
        ("cents", "late_status"): Decimal("0.96"),
    }


def test_a_lost_poll_is_named(house: WarehouseBuilder) -> None:
    house.con.execute("update core.polls set status = 'failed' where poll_id = 'p1'; delete from core.runs")
    publish(house, TOMORROW)
    assert causes(house) == {"lost_poll"}


def edited(text: str, by: str) -> list[Model]:
    """Return the models with another text in task_day_facts."""
    assert text in model("task_day_facts").sql
    return [replace(one, sql=one.sql.replace(text, by)) if one.name == "task_day_facts" else one for one in CHOSEN]
