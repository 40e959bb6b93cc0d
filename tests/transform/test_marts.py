"""What the marts say: the given/expect rows in examples/, and properties over many random warehouses.

Loading, checks and the form of model files have tests of their own.
"""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from math import sqrt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipelines.transform.build_days import INPUTS
from tests.support.model_examples import Example, read_examples, run_example
from tests.support.warehouse_builder import WarehouseBuilder, core_database, model, models, utc

EXAMPLES = [(name, example) for name, examples in read_examples().items() for example in examples]
RATES = (
    "date, task_id, title, account_id, artist_account_id, model, succeeded_count, failed_count, cancelled_count, "
    "expired_count, in_flight_count, unknown_count, failure_ratio, failure_ratio_low, failure_ratio_high, "
    "runs_missing_count, coverage_ratio, coverage_status"
)
SPEND = (
    "date, task_id, title, account_id, artist_account_id, model, run_count, compute_cents, invocation_cents, "
    "total_cents, total_usd, wasted_cents, wasted_usd, is_final, runs_missing_count, coverage_status"
)
DAILY = {INPUTS, ("marts", "coverage_facts"), ("marts", "task_day_facts"), ("marts", "missing_run_facts")} | {
    ("marts", name) for name in ("coverage_daily", "task_days", "failure_rates_daily", "spend_daily")
}
BERLIN = ZoneInfo("Europe/Berlin")
SINGLE_RUNS = ("run_facts", "runs_in_force", "failed_runs")
OUTCOMES = ["succeeded", "failed", "cancelled", "expired", "in_flight", "unknown"]


@pytest.fixture(scope="module")
def empty() -> Iterator[duckdb.DuckDBPyConnection]:
    with core_database() as con:
        yield con


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[f"{name}: {example.name}" for name, example in EXAMPLES])
def test_example(empty: duckdb.DuckDBPyConnection, name: str, example: Example) -> None:
    assert run_example(empty, models(), model(name), example) == []


def test_an_example_that_is_wrong_says_what_differs(empty: duckdb.DuckDBPyConnection) -> None:
    wrong = Example("wrong", {"core.tasks": [{"task_id": "t"}]}, [{"task_id": "t", "is_overdue": True}])
    assert run_example(empty, models(), model("task_ticks"), wrong) == [
        "expected: {'task_id': 't', 'is_overdue': 'True'}",
        "found:    {'task_id': 't', 'is_overdue': 'False'}",
    ]
    nothing = Example("nothing", {"core.tasks": [{"task_id": "t"}]}, [])
    assert len(run_example(empty, models(), model("task_ticks"), nothing)) == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (([{"task_id": "t"}, {"next_tick_at": None}]), "must name the same columns"),
        (([{"task_ident": "t"}]), "expects task_ident, which marts.task_ticks does not have"),
    ],
)
def test_an_example_of_another_form_is_refused(
    empty: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        run_example(empty, models(), model("task_ticks"), Example("odd", {}, rows))


def test_every_mart_has_examples_and_nothing_else_has() -> None:
    # A view that shows the rows of a table, or of another view, shows with its own examples what that holds.
    in_force = model("run_facts").rows_of
    shown = {one.key for one in models() if (one.rebuilt_by and one.name.endswith("_facts")) or one.key == in_force}
    assert {name for name, _ in EXAMPLES} == {one.name for one in models() if not one.is_base and one.key not in shown}


def test_an_example_gives_rows_of_core_tables_only(empty: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(ValueError, match="only core tables can be given"):
        run_example(empty, models(), model("task_ticks"), Example("odd", {"marts.task_days": []}, []))


def test_an_example_file_with_another_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "task_ticks.yml").write_text("- {name: odd, given: {}, expected: []}")
    with pytest.raises(ValidationError):
        read_examples(tmp_path)


@pytest.mark.parametrize(("name", "columns"), [("failure_rates_daily", RATES), ("spend_daily", SPEND)])
def test_columns_that_others_rely_on_come_first_and_in_order(name: str, columns: str) -> None:
    expected = columns.split(", ")
    assert [column.name for column in model(name).columns][: len(expected)] == expected


def test_money_is_never_a_double() -> None:
    money = [
        (one.relation, column.name, column.data_type)
        for one in models()
        for column in one.columns
        if re.search("_(cents|usd)(_|$)", column.name)
    ]
    assert len(money) > 20
    # Cents are exact. Dollars are rounded once, to what tools can multiply; a budget is what a person wrote.
    types = {"cents": "DECIMAL(38,20)", "usd": "DECIMAL(28,10)", "budget_usd": "DECIMAL(38,4)"}
    odd = [row for row in money if row[2] != types["budget_usd" if row[1].endswith("budget_usd") else _unit(row[1])]]
    assert odd == []


def _unit(column: str) -> str:
    return "usd" if "_usd" in column else "cents"


@pytest.mark.slow
def test_dollars_are_the_cents_beside_them() -> None:
    """In every mart that has both, for amounts with more digits than dollars keep."""
    house = WarehouseBuilder().task(account_id="a")
    for number, cents in enumerate(("0.00000000000000000001", "12.62465161999999998400", "0.000000005", "99999.9999")):
        house.run(f"r{number}", compute_cents=Decimal(cents), outcome="failed", status="FAILED")
    house.run("success", compute_cents=Decimal(cents)).build()
    pairs = [
        (one.relation, column.name, column.name.replace("_usd", "_cents"))
        for one in models()
        for column in one.columns
        if one.column(column.name.replace("_usd", "_cents")) and "_usd" in column.name
    ]
    assert len(pairs) >= 15
    for relation, usd, cents in pairs:
        rows = house.query(f"select {usd}, {cents} from {relation} where {cents} > 0")
        assert rows, f"{relation}.{usd} is not tested"
        for dollars, exact in rows:
            assert dollars == (exact / 100).quantize(Decimal(1).scaleb(-10), rounding=ROUND_HALF_UP)


def test_every_mart_that_names_a_task_tells_its_title() -> None:
    # Tables of days hold no name of today, nor do their inputs: views join it.
    nameless = {one.key for one in models() if one.rebuilt_by} | {INPUTS}
    naming = [one for one in models() if not one.is_base and any(c.name == "task_id" for c in one.columns)]
    naming = [one for one in naming if one.key not in nameless]
    assert len(naming) >= 20
    assert [one.name for one in naming if not any(c.name == "title" for c in one.columns)] == []


def test_every_mart_with_a_rate_or_money_shows_its_completeness() -> None:
    """Some marts show single runs, of which each is known; all others sum up what may have holes."""
    summing = [one for one in models() if not one.is_base and one.name not in SINGLE_RUNS]
    summing = [one for one in summing if any(re.search("_(ratio|cents|usd)(_|$)", c.name) for c in one.columns)]
    assert len(summing) >= 6
    assert [one.name for one in summing if not one.has_completeness] == []


def bounds(k: int, n: int) -> tuple[float | None, float | None]:
    with core_database() as con:
        row = con.execute("select core.wilson_low($k, $n), core.wilson_high($k, $n)", {"k": k, "n": n}).fetchone()
    assert row is not None
    return row


@settings(max_examples=60, deadline=None)
@given(data=st.data(), n=st.integers(1, 100_000))
def test_wilson_bounds_are_where_the_score_test_just_rejects(
    empty: duckdb.DuckDBPyConnection, data: st.DataObject, n: int
) -> None:
    """The definition itself: at a bound p the observed share lies z standard errors, of p, away."""
    k = data.draw(st.integers(0, n))
    sql = "select core.wilson_low($k, $n), core.wilson_high($k, $n)"
    low, high = empty.execute(sql, {"k": k, "n": n}).fetchone() or (None, None)
    assert low is not None
    assert high is not None
    assert 0 <= low <= k / n <= high <= 1
    z = 1.959963984540054
    if k > 0:
        assert (k / n - low) == pytest.approx(z * sqrt(low * (1 - low) / n), rel=1e-6)
    if k < n:
        assert (high - k / n) == pytest.approx(z * sqrt(high * (1 - high) / n), rel=1e-6)


@pytest.mark.slow
def test_wilson_bounds_at_the_edges() -> None:
    assert bounds(0, 0) == (None, None)
    assert bounds(0, 7)[0] == 0.0
    assert bounds(7, 7)[1] == 1.0


INSTANTS = st.integers(0, 4 * 86_400).map(lambda seconds: utc("2026-10-23") + timedelta(seconds=seconds))
RUNS = st.lists(
    st.tuples(
        st.sampled_from(["t1", "t2", None]), INSTANTS, st.sampled_from(OUTCOMES), st.booleans(), st.integers(0, 10**8)
    ),
    max_size=12,
)
# A microsecond beside any run: a run at the very tick would not be missing.
TICKS = st.lists(
    st.tuples(st.sampled_from(["t1", "t2"]), INSTANTS.map(lambda t: t + timedelta(microseconds=1))),
    max_size=6,
    unique=True,
)


@pytest.mark.slow
@settings(max_examples=5, deadline=None)
@given(runs=RUNS, ticks=TICKS, change=INSTANTS, seen=st.tuples(INSTANTS, INSTANTS).map(sorted))
def test_daily_marts_hold_every_run_every_cent_and_every_missing_run(
    runs: list[tuple[str | None, datetime, str, bool, int]],
    ticks: list[tuple[str, datetime]],
    change: datetime,
    seen: list[datetime],
) -> None:
    """Against plain counting in Python, in a zone whose clocks change on the days in question."""
    house = WarehouseBuilder()
    for task_id in ("t1", "t2"):
        house.task(task_id, observed_from_at=seen[0], observed_until_at=seen[1])
        house.version(task_id, 1, model="old", valid_from=utc("2026-10-01"), valid_to=change, is_current=False)
        house.version(task_id, 2, model="new", valid_from=change, changed_columns=["model"])
    for number, (of_task, at, outcome, is_test, millionths) in enumerate(runs):
        cents = Decimal(millionths) / 1_000_000
        house.run(f"r{number}", of_task, created_at=at, outcome=outcome, is_test=is_test, compute_cents=cents)
    house.gap(*(tick for task_id, tick in ticks if task_id == "t1"), task_id="t1", gap_id="g1")
    house.gap(*(tick for task_id, tick in ticks if task_id == "t2"), task_id="t2", gap_id="g2")
    house.build(as_of=utc("2026-10-28"), reporting_timezone="Europe/Berlin", only=DAILY)

    failed: Counter[tuple[date, str | None]] = Counter()
    spent: dict[tuple[date, str | None], Decimal] = {}
    for of_task, at, outcome, is_test, millionths in runs:
        place = (at.astimezone(BERLIN).date(), of_task)
        failed[place] += outcome == "failed" and not is_test
        spent[place] = spent.get(place, Decimal(0)) + Decimal(millionths) / 1_000_000 + Decimal("0.0025")
    missing = Counter((tick.astimezone(BERLIN).date(), task_id) for task_id, tick in ticks)
    rates = house.query(
        "select date, task_id, sum(failed_count), sum(runs_missing_count), any_value(coverage_status) "
        "from marts.failure_rates_daily group by all"
    )
    money = house.query("select date, task_id, sum(total_cents) from marts.spend_daily group by all")
    assert {(day, task): count for day, task, count, _, _ in rates if count} == {k: v for k, v in failed.items() if v}
    assert {(day, task): lost for day, task, _, lost, _ in rates if lost} == dict(missing)
    assert {(day, task): cents for day, task, cents in money if cents} == spent
    for day, task, _, lost, status in rates:
        starts = datetime.combine(day, datetime.min.time(), BERLIN).astimezone(UTC)
        ends = datetime.combine(day + timedelta(days=1), datetime.min.time(), BERLIN).astimezone(UTC)
        is_whole = task is not None and seen[0] <= starts and ends <= seen[1]
        assert status == ("gap" if lost else "complete" if is_whole else "unknown")
    checked = house.failing_checks(*(".".join(key) for key in DAILY))
    assert [name for name, result in checked.items() if result.blocks] == []
