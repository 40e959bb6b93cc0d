"""A real Superset with our bundle: every chart shows what SQL on the file says, in the API and in a browser.

And while copies are published under it. The bundle without Superset is tested in tests/publish/test_superset_bundle.py.
"""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pipelines.clock import utc_now
from pipelines.database.connection import Warehouse
from pipelines.transform.load_models import load_models
from tests.bi.conftest import ROOT, Place
from tests.bi.superset import Superset, running_superset
from tests.support.publish_harness import publish_as_it_is

pytestmark = pytest.mark.slow

# What each chart must show, written without a look at how the bundle asks for it.
EXPECTED = {
    "Failure ratio": "select sum(failed_count) / sum(succeeded_count + failed_count) from marts.fleet_daily",
    "Spend": "select sum(total_cents) / 100 from marts.fleet_daily",
    "Wasted spend": "select sum(wasted_cents) / 100 from marts.fleet_daily",
    "Runs seen": "select (select count(*) from core.runs) / ((select count(*) from core.runs) "
    "+ (select count(*) from core.missing_runs where recovered_run_id is null))",
    "Failure ratio and its 95 % interval": "select date, failed_count / nullif(n, 0), failure_ratio_low, "
    "failure_ratio_high from marts.fleet_daily",
    "Runs seen and runs missing": "select date, sum(observed_run_count), sum(runs_missing_count) "
    "from marts.coverage_daily group by date",
    "Worst tasks of the last 30 days": "select failure_rank, title, n, failed_count, failure_ratio, failure_ratio_low, "
    "failure_ratio_high, runs_missing_count, coverage_status from marts.failure_rates where window_days = 30 and n > 0 "
    "order by failure_rank limit 100",
    "Spend and wasted spend": "select date, total_cents / 100, wasted_cents / 100 from marts.fleet_daily",
    "Spend by task": "select title, sum(total_cents) / 100, sum(wasted_cents) / 100, "
    "sum(wasted_cents) / nullif(sum(total_cents), 0), sum(run_count), sum(runs_missing_count) "
    "from marts.spend_daily group by title order by sum(total_cents) desc limit 25",
    "Schedule adherence": "select date, sum(on_time_count), sum(late_count), sum(missed_count), "
    "sum(unobservable_count) "
    "from marts.schedule_adherence_daily group by date",
    "Adherence by task": "select title, sum(on_time_count) / nullif(sum(expected_count - unobservable_count), 0), "
    "sum(missed_count), sum(unobservable_count), sum(expected_count) "
    "from marts.schedule_adherence_daily group by title",
    "Completeness by task": "select title, run_count, rescued_run_count, runs_missing_count_30d, coverage_ratio_30d, "
    "coverage_status_30d from marts.task_health",
    "How far this copy reaches": "select polls_until, coverage_status, coverage_ratio, runs_missing_count, source "
    "from marts.warehouse_info",
}
DASHBOARD = "agent-task-health"
PICTURE = ROOT / ".venv-superset" / f"{DASHBOARD}.png"
PICTURE_HEIGHT = 2600


@pytest.fixture(scope="module")
def superset(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Superset]:
    with running_superset(tmp_path_factory.mktemp("superset")) as superset:
        place.cli("export", "--format", "superset", "--out", "recoup-superset.zip")
        superset.import_bundle(place.folder / "recoup-superset.zip")
        yield superset


def agree(shown: list[dict[str, Any]], expected: list[tuple[Any, ...]]) -> bool:
    """Compare rows of JSON, whose numbers are floating point and whose times are milliseconds, with those of DuckDB."""
    left = sorted((tuple(map(_plain, row.values())) for row in shown), key=_coarse)
    right = sorted((tuple(map(_plain, row)) for row in expected), key=_coarse)
    return len(left) == len(right) and all(map(_same, left, right))


def _plain(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, datetime):
        return value.timestamp() * 1000
    return float(value) if isinstance(value, int | float | Decimal) else value


def _coarse(row: tuple[Any, ...]) -> str:
    return repr([f"{value:.5g}" if isinstance(value, float) else value for value in row])


def _same(left: tuple[Any, ...], right: tuple[Any, ...]) -> bool:
    return len(left) == len(right) and all(
        a == pytest.approx(b, rel=1e-9) if isinstance(a, float) and isinstance(b, float) else a == b
        for a, b in zip(left, right, strict=True)
    )


def test_every_chart_returns_what_the_file_says(superset: Superset, place: Place) -> None:
    charts = superset.charts()
    assert charts.keys() == EXPECTED.keys()
    for name, query in EXPECTED.items():
        expected = place.rows(query)
        assert expected, name
        assert agree(superset.chart_rows(charts[name]), expected), name


def test_the_dashboard_in_a_browser_shows_what_the_file_says(superset: Superset, place: Place) -> None:
    given = superset.photograph(DASHBOARD, PICTURE, PICTURE_HEIGHT)
    charts = superset.charts()
    assert given.keys() == set(charts.values())
    for name, query in EXPECTED.items():
        columns = superset.chart_rows(charts[name])[0].keys()  # a browser asks for them in an order of its own
        shown = [{column: row[column] for column in columns} for row in given[charts[name]]]
        assert agree(shown, place.rows(query)), name
    assert PICTURE.stat().st_size > 150_000  # look at it: `make bi` says where it is


def test_datasets_say_what_columns_and_metrics_mean(superset: Superset) -> None:
    [mart] = [model for model in load_models() if model.name == "task_health"]
    dataset = superset.dataset("task_health")
    assert dataset["description"] == mart.description
    told = {column["column_name"]: column["description"] for column in dataset["columns"]}
    assert told == {column.name: column.description for column in mart.columns}
    metrics = {metric["metric_name"]: metric for metric in superset.dataset("fleet_daily")["metrics"]}
    assert metrics["failure_ratio"]["description"] == "Failed / (succeeded + failed) of the whole fleet."


def test_days_can_be_filtered(superset: Superset, place: Place) -> None:
    [(day,)] = place.rows("select max(date) - 3 from marts.fleet_daily")
    wanted = {"col": "date", "op": "TEMPORAL_RANGE", "val": f"{day} : {day + timedelta(days=2)}"}
    found = superset.query("fleet_daily", columns=["date"], metrics=["total_usd"], filters=[wanted], row_limit=100)
    expected = place.rows(
        f"select date, total_usd from marts.fleet_daily where date between '{day}' and date '{day}' + 1"
    )
    assert len(expected) == 2
    assert agree(found, expected)


def test_sql_lab_reads_and_cannot_write(superset: Superset, place: Place) -> None:
    asked = superset.sql_lab("select count(*) as n from core.runs")
    assert asked.json()["data"] == [{"n": place.rows("select count(*) from core.runs")[0][0]}]
    for change in ("delete from core.runs", "create table core.mine as select 1"):
        assert superset.sql_lab(change).status_code >= 400


def test_importing_again_replaces_and_adds_nothing(superset: Superset, place: Place) -> None:
    before = superset.charts()
    superset.import_bundle(place.folder / "recoup-superset.zip")
    assert superset.charts() == before


def test_charts_go_on_while_copies_are_published(superset: Superset, place: Place) -> None:
    """Nobody blocks anybody: publishing never waits for Superset, and no chart fails or goes back in time."""
    fleet = superset.charts()["How far this copy reaches"]
    failures: list[BaseException] = []
    published = threading.Event()

    def publish_often() -> None:
        try:
            for _ in range(20):
                with Warehouse(place.layout).write() as con:
                    con.execute("update marts.warehouse_info set runs_missing_count = runs_missing_count + 1")
                publish_as_it_is(place.layout, clock=utc_now)
        except BaseException as error:
            failures.append(error)
        published.set()

    [(first,)] = place.rows("select runs_missing_count from marts.warehouse_info")
    publisher = threading.Thread(target=publish_often)
    publisher.start()
    seen = []
    while not published.is_set():
        seen.append(superset.chart_rows(fleet)[0]["runs_missing_count"])
    publisher.join()
    assert failures == []
    assert seen == sorted(seen)
    assert len(set(seen)) > 1
    assert superset.chart_rows(fleet)[0]["runs_missing_count"] == first + 20
