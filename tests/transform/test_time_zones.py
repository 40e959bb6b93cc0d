"""What people open is read without ICU, DuckDB's extension for time zones: duckdb-wasm must fetch it, and offline hangs.

Views are looked at as DuckDB binds them, where casts that nobody wrote stand as well. What wasm does with a real file is
tested in tests/bi.
"""

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from tests.support.warehouse_builder import WarehouseBuilder, built, models, utc

INSTANT = "TIMESTAMP WITH TIME ZONE"
VIEWS = [model.name for model in models() if model.materialized == "view"]
ZONED = {"timezone", "date_trunc", "strftime", "date_part", "make_timestamptz", "time_bucket", "age"}


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a JSON document."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(inner)


def serialized(con: duckdb.DuckDBPyConnection, function: str, query: str) -> list[dict[str, Any]]:
    told = json.loads((con.execute(f"select {function}(?)", [query]).fetchone() or ("null",))[0])
    assert not told["error"], told
    return list(nodes(told))


def on_instants(con: duckdb.DuckDBPyConnection, query: str) -> set[str]:
    """Functions that take an instant, and casts from or to one. A comparison is neither; an instant may be a constant."""
    found = set()
    for node in serialized(con, "json_serialize_plan", query):
        if node.get("expression_class") == "BOUND_FUNCTION" and INSTANT in {one["id"] for one in node["arguments"]}:
            found.add(node["name"])
        if node.get("expression_class") == "BOUND_CAST":
            child = node["child"]
            kind = (child.get("return_type") or child.get("value", {}).get("type", {})).get("id")
            is_constant = child["expression_class"] == "BOUND_CONSTANT"
            if INSTANT in {kind, node["return_type"]["id"]} and not is_constant:
                found.add(f"cast of {kind} to {node['return_type']['id']}")
    return found


@pytest.fixture(scope="module")
def house() -> WarehouseBuilder:
    house = WarehouseBuilder().task(deleted_at="2026-08-19T12:00:00Z")
    house.run("r", created_at="2026-08-18T15:30:00Z").gap("2026-08-18T14:59:59Z", "2026-08-18T15:00:00Z")
    return built(house, *VIEWS, reporting_timezone="Asia/Tokyo")


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
def test_no_view_computes_with_instants(house: WarehouseBuilder, view: str) -> None:
    assert on_instants(house.con, f"from marts.{view}") == set()


@pytest.mark.parametrize(
    "expression",
    [
        "(created_at at time zone 'UTC')::date",
        "created_at::date",
        "created_at::varchar",
        "'on ' || created_at",
        "date_trunc('month', created_at)",
        "strftime(created_at, '%Y')",
        "created_at + interval 1 hour",
        "finished_at - started_at",
        "year(created_at)",
        "created_date::timestamptz",
        "created_at > created_date",
    ],
)
def test_such_a_view_is_found(house: WarehouseBuilder, expression: str) -> None:
    house.con.execute(f"create or replace temp view bad as select run_id, {expression} as told from core.runs")
    assert on_instants(house.con, "from bad")


def test_macros_and_defaults_do_not_either(house: WarehouseBuilder) -> None:
    macros = house.query("select macro_definition from duckdb_functions() where schema_name = 'core'")
    assert macros
    for (definition,) in macros:
        called = {
            node.get("function_name") for node in serialized(house.con, "json_serialize_sql", f"select {definition}")
        }
        assert not ZONED & called, definition
    assert house.query("select column_default from duckdb_columns() where column_default is not null") == []


@pytest.mark.slow
def test_days_are_those_of_the_zone_and_follow_it() -> None:
    house = WarehouseBuilder().task().run("r", created_at="2026-08-18T15:30:00Z")
    house.gap("2026-08-18T14:59:59Z", "2026-08-18T15:00:00Z")
    dates = "select date::varchar from marts"
    days = f"{dates}.run_facts union all {dates}.missing_run_facts order by 1"
    facts = ("run_facts", "missing_run_facts")
    built(house, *facts, reporting_timezone="Asia/Tokyo")
    assert house.query(days) == [("2026-08-18",), ("2026-08-19",), ("2026-08-19",)]
    built(house, *facts, reporting_timezone="UTC")
    assert house.query(days) == [("2026-08-18",)] * 3
    house.con.execute("update core.runs set created_at = ?", [utc("2026-08-10T00:00:00")])
    built(house, *facts, reporting_timezone="UTC", full=True)
    assert house.query(days)[0] == ("2026-08-10",)
    built(house, *facts, reporting_timezone="Asia/Tokyo")
    assert house.query(days)[-1] == ("2026-08-19",)


@pytest.mark.slow
def test_a_day_of_changed_clocks() -> None:
    house = WarehouseBuilder().task()
    for number, at in enumerate(
        ("2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z")
    ):
        house.run(f"r{number}", created_at=at)
    built(house, "run_facts", as_of=utc("2026-11-01T00:00:00"), reporting_timezone="Europe/Berlin")
    told = house.query("select created_date::varchar from core.runs order by created_at")
    assert told == [("2026-03-29",), ("2026-03-30",), ("2026-10-25",), ("2026-10-26",)]
