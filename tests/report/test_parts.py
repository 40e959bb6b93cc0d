"""The page's charts of unfinished days, the part of each task, and what stands out: what they say.

What the first block says is tested in test_glance.py, the whole page in test_page.py.
"""

from datetime import timedelta
from typing import Any

import pytest

from pipelines.report import rate_charts
from pipelines.report.chart_style import PAGE
from pipelines.report.elements import Link
from pipelines.report.health_table import errors
from pipelines.report.page import context
from pipelines.report.queries import Answers, ask
from tests.support import report_worlds as worlds
from tests.support.warehouse_builder import NOW, WarehouseBuilder, add_runs

pytestmark = pytest.mark.xdist_group("report")


@pytest.fixture(scope="module")
def one() -> Answers:
    return worlds.one_task()


@pytest.fixture(scope="module")
def busy() -> Answers:
    return worlds.busy()


@pytest.fixture(scope="module")
def said(busy: Answers) -> dict[str, Any]:
    """What the page says, before the template."""
    return context(busy)


class TestToday:
    """Today is not over; its few runs must not look like a day's."""

    @pytest.mark.slow
    def test_is_no_part_of_the_line_and_sets_no_scale(self, one: Answers) -> None:
        days = [row | {"is_today": False} for row in one.days[-3:]]
        calm = {
            "n": 100,
            "failed_count": 5,
            "failure_ratio": 0.05,
            "failure_ratio_low": 0.02,
            "failure_ratio_high": 0.11,
        }
        wild = {"n": 1, "failed_count": 1, "failure_ratio": 1.0, "failure_ratio_low": 0.21, "failure_ratio_high": 1.0}
        days = [days[0] | calm, days[1] | calm, days[2] | wild | {"is_today": True}]
        drawn = rate_charts.failure_over_time(days, PAGE)
        data = drawn["datasets"]
        of_line = [data[layer["data"]["name"]] for layer in drawn["layer"] if layer["mark"]["type"] == "line"]
        assert [[row["rate"] for row in rows] for rows in of_line] == [[0.05, 0.05]]
        highest = {layer["encoding"]["y"]["scale"]["domain"][1] for layer in drawn["layer"] if "y" in layer["encoding"]}
        assert [round(top, 4) for top in highest] == [0.1155]
        hollow = [layer for layer in drawn["layer"] if layer["mark"].get("filled") is False]
        assert [row["rate"] for row in data[hollow[0]["data"]["name"]]] == [1.0]

    def test_ends_the_axis(self, one: Answers) -> None:
        drawn = rate_charts.failure_over_time(one.days, PAGE)
        domain = drawn["layer"][0]["encoding"]["x"]["scale"]["domain"]
        assert domain == [row["date"].isoformat() for row in one.days]
        assert one.days[-1]["is_today"]
        assert [row["is_today"] for row in one.days].count(True) == 1


class TestParts:
    def test_each_task_has_one_and_a_link_to_it(self, said: dict[str, Any]) -> None:
        assert set(said["parts"]) == {"seldom", "often", "unpriced", "quiet"}
        links = {line.head.href for line in said["board"]}
        assert links == {f"#task={task}" for task in said["parts"]}

    def test_it_tells_days_runs_errors_and_ticks(self, said: dict[str, Any]) -> None:
        days, runs, errors, changes, ticks = said["parts"]["often"]
        assert days[1][:3] == ["2026-08-19", "2", "8"]
        assert len(runs) == 10
        assert runs[0][1] == "failed"
        assert [row[1] for row in errors] == ["8"]
        assert changes == []
        assert ticks

    def test_every_table_fits_its_headings(self, said: dict[str, Any]) -> None:
        for tables in said["parts"].values():
            for heading, rows in zip(said["headings"], tables, strict=True):
                assert {len(row) for row in rows} <= {len(heading["columns"])}


def test_an_error_of_which_only_the_status_is_known_is_not_new(busy: Answers) -> None:
    group = busy.errors[0] | {"is_new_this_week": True}
    assert [errors([group | {"is_error_observed": is_seen}])[0].is_new for is_seen in (True, False)] == [True, False]


@pytest.mark.slow
def test_what_stands_out_and_what_was_changed_is_told() -> None:
    house = WarehouseBuilder().task(title="Moved", model="new/model")
    house.version("t", 1, model="old/model", valid_from="2026-06-01T00:00:00Z", valid_to="2026-08-10T00:00:00Z")
    house.version("t", 2, model="new/model", valid_from="2026-08-10T00:00:00Z", changed_columns=["model"])
    days = [NOW.replace(hour=9) - timedelta(days=day) for day in range(60)]
    runs = [{"created_at": at + timedelta(minutes=number)} for at in days for number in range(6)]
    fates = ("succeeded", "failed")
    add_runs(house, [run | {"outcome": fates[run["created_at"] >= NOW - timedelta(days=9)]} for run in runs])
    house.build()
    said = context(ask(house.con))
    task, when, what, failures, _ = said["changes"].table.rows[0]
    assert (task, when, what) == (Link("Moved", "#task=t"), "2026-08-10 00:00 UTC", "model old/model → new/model")
    assert failures.endswith(": worse")
    assert "100 % failed (6 of 6), usually" in said["anomalies"].table.rows[0][2]
    assert said["pace"].table.rows == [] or said["pace"].table.rows[0][0] == Link("Moved", "#task=t")
    assert said["costs"].table.rows[0][0] == Link("Moved", "#task=t")
