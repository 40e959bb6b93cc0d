"""Applying the core schema and building the marts: clock, comments, what is replaced or dropped, and one transaction."""

import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.database.core_schema import apply_core
from pipelines.errors import BadModel
from pipelines.paths import SQL_DIR
from pipelines.transform.build import build
from pipelines.transform.model import Materialized, Model
from tests.support.warehouse_builder import NOW, WarehouseBuilder, core_database, model, models, utc


def test_core_is_applied_once_and_again() -> None:
    with core_database() as con:
        con.execute("delete from core.statuses where status = 'FAILED'")
        con.execute("update core.statuses set is_final = false where status = 'COMPLETED'")
        apply_core(con)
        assert con.execute("select count(*), count(*) filter (is_final) from core.statuses").fetchone() == (17, 8)
        timings = []
        for _ in range(3):
            started = time.process_time()
            apply_core(con)
            timings.append(time.process_time() - started)
        assert min(timings) < 0.2


@pytest.mark.slow
def test_core_tables_of_another_version_ask_for_a_rebuild(tmp_path: Path) -> None:
    older = shutil.copytree(SQL_DIR, tmp_path / "sql")
    runs = older / "core" / "05_runs.sql"
    runs.write_text(runs.read_text("utf-8").replace("ttl varchar", "lifetime varchar"), "utf-8")
    with duckdb.connect() as con:
        apply_core(con, older)
        for _ in range(2):
            with pytest.raises(BadModel, match=r"core\.runs .* differs in lifetime, ttl.*recoup-warehouse rebuild"):
                apply_core(con)


@pytest.mark.slow
def test_macros_of_another_version_are_made_again(tmp_path: Path) -> None:
    older = shutil.copytree(SQL_DIR, tmp_path / "sql")
    (older / "macros" / "counted.sql").write_text("create or replace macro core.counted(n, noun) as 'older';", "utf-8")
    with duckdb.connect() as con:
        apply_core(con, older)
        apply_core(con)
        assert con.execute("select core.counted(2, 'run')").fetchone() == ("2 runs",)


@pytest.mark.parametrize("as_of", ["2026-08-20T10:00:00", "2026-01-02T03:04:05.678901"])
def test_the_constant_is_the_now_of_the_build(as_of: str) -> None:
    house = WarehouseBuilder()
    now = "select core.as_of(), (select as_of_at from core.build_context)"
    house.rows("build_context", {"as_of_at": "2020-01-01T00:00:00Z"})
    assert house.query(now) == [(utc("2020-01-01T00:00:00"),) * 2], "before a build it is what the row says"
    told = "select macro_definition from duckdb_functions() where function_name = 'as_of'"
    probe = replace(model("run_lateness"), sql=f"select core.as_of() as as_of_at, ({told}) as told")
    house.build(models=[probe], as_of=utc(as_of))
    [(built_at, constant)] = house.query("from marts.run_lateness")
    assert built_at == utc(as_of)
    assert "build_context" not in constant, "while marts are built it is a constant"
    assert house.query(now) == [(utc(as_of),) * 2]


def test_no_macro_differs_from_night_to_night() -> None:
    """Where one does, the lake makes all of its views again."""
    house, seen = WarehouseBuilder().task("t").run("r", "t"), list[Any]()
    macros = "select function_name, macro_definition from duckdb_functions() where schema_name = 'core' order by all"
    for hours in (0, 30):
        house.build(as_of=NOW + timedelta(hours=hours))
        seen.append(house.query(macros))
    assert seen[0] == seen[1]
    assert len(seen[0]) > 20


@pytest.mark.slow
def test_build_writes_the_clock_that_marts_know() -> None:
    house = WarehouseBuilder().poll("p2", started_at="2026-08-20T11:30:00Z", source="newest")
    report = house.build(as_of=utc("2026-08-20T10:00:00"), reporting_timezone="Asia/Tokyo")
    house.build(as_of=utc("2026-08-20T13:00:00"), reporting_timezone="Asia/Tokyo")
    context = house.query("select as_of_at, reporting_timezone, source, warehouse_version from core.build_context")
    assert context == [(utc("2026-08-20T13:00:00"), "Asia/Tokyo", "newest", context[0][3])]
    assert house.query("select built_at, source from marts.warehouse_info") == [(context[0][0], "newest")]
    assert report.as_of == utc("2026-08-20T10:00:00")
    assert report.row_counts["marts", "warehouse_info"] == 1
    marts = [one for one in models() if not one.is_base]
    assert report.seconds.keys() == {one.key for one in marts}
    assert report.row_counts.keys() == {one.key for one in marts if one.materialized == "table"}


@pytest.mark.slow
def test_every_table_and_column_is_commented_after_each_build() -> None:
    house = WarehouseBuilder()
    for _ in range(2):
        house.build()
        bare = house.query(
            "select table_name from duckdb_tables() where comment is null and schema_name in ('core', 'marts') "
            "union all select view_name from duckdb_views() where comment is null and schema_name = 'marts' "
            "union all select column_name from duckdb_columns() where comment is null "
            "and schema_name in ('core', 'marts')"
        )
        assert bare == []
    comment = house.query("select comment from duckdb_views() where view_name = 'run_facts'")
    assert comment == [(model("run_facts").description,)]


@pytest.mark.slow
def test_runs_still_in_the_window_were_seen_when_their_task_was() -> None:
    house = WarehouseBuilder()
    seen, answered = "2026-08-20T11:00:00Z", "2026-08-20T09:00:00Z"
    house.task("fine", window_run_ids=["in_window", "newer"], observed_until_at=answered)
    # In an outage the task is seen and its runs are not; a deleted task showed its runs until its last answer.
    house.task("outage", window_run_ids=["hidden"], observed_until_at="2026-08-19T00:00:00Z", last_seen_at=seen)
    house.task("gone", window_run_ids=["of_gone"], observed_until_at=answered, deleted_at=seen)
    for run_id, task_id in (("in_window", "fine"), ("scrolled", "fine"), ("hidden", "outage"), ("of_gone", "gone")):
        house.run(run_id, task_id, last_observed_at="2026-08-18T00:00:00Z")
    house.run("newer", "fine", last_observed_at="2026-08-20T10:00:00Z")
    house.build()
    assert dict(house.query("select run_id, last_observed_at from core.runs")) == {
        "in_window": utc("2026-08-20T09:00:00"),
        "newer": utc("2026-08-20T10:00:00"),
        "hidden": utc("2026-08-19T00:00:00"),
        "scrolled": utc("2026-08-18T00:00:00"),
        "of_gone": utc("2026-08-20T09:00:00"),
    }


def mart(name: str, sql: str, materialized: Materialized = "table") -> Model:
    """A mart made of nothing but SQL."""
    return replace(model("warehouse_info"), name=name, sql=sql, columns=(), depends_on=(), materialized=materialized)


def rebuilt(con: duckdb.DuckDBPyConnection, *marts: Model, **options: Any) -> None:
    build(con, models=marts, as_of=NOW, reporting_timezone="UTC", **options)


def kinds(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    rows = con.execute("select table_name, table_type from information_schema.tables where table_schema = 'marts'")
    return dict(rows.fetchall())


@pytest.mark.slow
def test_a_mart_may_become_a_view_and_a_table_again_and_go() -> None:
    with core_database() as con:
        kinds_in_turn: list[tuple[Materialized, str]] = [
            ("table", "BASE TABLE"),
            ("view", "VIEW"),
            ("table", "BASE TABLE"),
        ]
        for kind, found in kinds_in_turn:
            rebuilt(con, mart("x", "select 1 as a", kind))
            assert kinds(con) == {"x": found}
        rebuilt(con, mart("y", "select 1 as a"))
        assert kinds(con) == {"y": "BASE TABLE"}


def test_only_the_chosen_marts_are_built_and_no_other_is_dropped() -> None:
    with core_database() as con:
        rebuilt(con, mart("x", "select 1 as a"), mart("y", "select 1 as a"))
        rebuilt(con, mart("x", "select 2 as a"), mart("y", "select 2 as a"), only={("marts", "x")})
        assert con.execute("select x.a, y.a from marts.x, marts.y").fetchall() == [(2, 1)]


@pytest.mark.slow
def test_a_build_that_fails_leaves_everything_as_it_was() -> None:
    with core_database() as con:
        rebuilt(con, mart("x", "select 1 as a"), mart("y", "select 1 as a"))
        broken = mart("y", "select cast(source as integer) as a from core.build_context")
        with pytest.raises(BadModel, match="warehouse_info.sql failed while it was built"):
            build(con, models=[mart("x", "select 2 as a"), broken], as_of=utc("2027-01-01"), reporting_timezone="UTC")
        assert con.execute("select x.a, y.a from marts.x, marts.y").fetchall() == [(1, 1)]
        assert con.execute("select as_of_at from core.build_context").fetchall() == [(NOW,)]


def test_progress_is_told_for_each_mart() -> None:
    told: list[tuple[str, int, int]] = []
    with core_database() as con:
        rebuilt(
            con,
            mart("x", "select 1 as a"),
            mart("y", "select 1 as a"),
            progress=lambda name, done, total: told.append((name, done, total)),
        )
    assert told == [("marts.x", 0, 2), ("marts.y", 1, 2), ("marts", 2, 2)]


@pytest.mark.slow
def test_the_same_core_gives_the_same_marts() -> None:
    house = WarehouseBuilder().task("t").run("r").run("s", outcome="failed").gap("2026-08-10T09:00:00Z")
    shown = []
    for _ in range(2):
        house.build(as_of=datetime(2026, 8, 20, tzinfo=UTC))
        shown.append({one.name: house.query(f"select * from {one.relation} order by all") for one in models()})
    assert shown[0] == shown[1]
