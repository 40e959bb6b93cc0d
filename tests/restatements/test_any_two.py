"""Between any two publishes the changes of all publishes add up, whatever happened to core meanwhile."""

from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.day_history import TABLES, updates
from tests.support.restated import flip, prove_between, publish, told, told_numbers
from tests.support.simulator_helpers import PART
from tests.support.warehouse_builder import NOW, WarehouseBuilder, model

Nights = list[tuple[list[tuple[str, list[Any]]], int, str]]


def _drop_doubles(house: WarehouseBuilder) -> None:
    """Two rows of one key are no history: a check blocks them, and a number would hold one of them twice."""
    for table in TABLES:
        first = f"select min(rowid) from core.{table} group by {', '.join(model(table).grain)}"
        house.con.execute(f"delete from core.{table} where rowid not in ({first})")


def _survives(nights: Nights) -> None:
    house = told()
    copies, at = {1: told_numbers(house.con)}, NOW
    for number, (changes, hours, zone) in enumerate(nights, start=2):
        house.poll(f"p{number}")
        for sql, parameters in changes:
            house.con.execute(sql, parameters)
        _drop_doubles(house)
        house.con.execute("delete from core.task_versions where task_id not in ('t', 'u')")
        at += timedelta(hours=hours)
        publish(house, at, zone=zone)
        flip(house)
        copies[number] = told_numbers(house.con)
    for one, other in combinations(copies, 2):
        prove_between(house.con, copies, one, other)
    assert house.failing_checks("core.restatements", "core.publishes").keys() <= {
        "core.restatements.restatements_are_unexplained"
    }
    assert house.query("from core.restatements where cause = 'unexplained' and item_count = 0") == []


ZONES = st.sampled_from(["UTC", "UTC", "UTC", "America/New_York"])
NIGHTS = st.lists(st.tuples(st.lists(updates(), max_size=4), st.integers(-30, 80), ZONES), min_size=2, max_size=4)


@pytest.mark.slow
@settings(max_examples=1, deadline=None)
@given(NIGHTS)
def test_changes_add_up(nights: Nights) -> None:
    _survives(nights)


@pytest.mark.slow
@settings(max_examples=max(4, round(20 * PART)), deadline=None)
@given(NIGHTS)
def test_many_changes_add_up(nights: Nights) -> None:
    _survives(nights)
