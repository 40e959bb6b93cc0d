"""What the page tells of numbers that changed since last week."""

from typing import Any

import pytest

from pipelines.report.elements import Listing
from pipelines.report.page import context
from pipelines.report.queries import ask
from pipelines.report.restated import CAUSES, MEASURES
from tests.support.warehouse_builder import WarehouseBuilder, model


def number(publish_number: int, date: str, measure: str, change: str, cause: str) -> dict[str, Any]:
    values = {"before_value": 0, "after_value": change, "change_value": change}
    return {"publish_number": publish_number, "date": date, "task_id": "t", "measure": measure, "cause": cause} | values


def told(*numbers: dict[str, Any], first: int = 1) -> Listing:
    house = WarehouseBuilder().task()
    days = ("2026-08-05", "2026-08-13", "2026-08-20")
    publishes = [
        {"publish_number": count, "published_at": f"{day}T01:00:00Z", "closed_until": day}
        for count, day in enumerate(days, start=1)
        if count >= first
    ]
    house.rows("publishes", *publishes).rows("restatements", *numbers)
    house.build()
    listing = context(ask(house.con))["restatements"]
    assert isinstance(listing, Listing)
    return listing


@pytest.mark.slow
def test_what_changed_since_last_week_is_told_by_measure_and_cause() -> None:
    listing = told(
        number(2, "2026-08-04", "runs", "9", "late_run"),
        number(3, "2026-08-11", "runs", "2", "late_run"),
        number(3, "2026-08-12", "runs", "1", "late_run"),
        number(3, "2026-08-12", "cents", "-250", "edited_sql"),
        number(3, "2026-08-12", "missing", "1", "unexplained"),
        number(3, "2026-08-13", "runs", "7", "late_run"),
    )
    assert listing.table.rows == [
        ("missing runs", "+1", CAUSES["unexplained"], "2026-08-12"),
        ("runs", "+3", CAUSES["late_run"], "2 days, 2026-08-11 to 2026-08-12"),
        ("spend", "-$2.50", CAUSES["edited_sql"], "2026-08-12"),
    ]
    assert "on 2026-08-13 01:00 UTC" in listing.caption


@pytest.mark.slow
def test_a_younger_warehouse_is_compared_with_its_first_publish() -> None:
    listing = told(number(3, "2026-08-12", "failed", "1", "late_status"), first=2)
    assert [row[1] for row in listing.table.rows] == ["+1"]
    assert told(number(3, "2026-08-19", "failed", "1", "late_status"), first=3).table.rows == []
    assert told().table.rows == []


def test_every_cause_and_measure_has_words() -> None:
    values = {
        check.columns[0]: set(check.argument)
        for check in model("restatements").checks
        if check.kind == "accepted_values"
    }
    assert values == {"measure": set(MEASURES), "cause": set(CAUSES)}
