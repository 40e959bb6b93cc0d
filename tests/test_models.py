"""Loading the models (every way to get a file wrong), the core schema, and building: order, comments, transaction.

What the marts say is tested in test_marts.py.
"""

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from pipelines.build import build
from pipelines.core_schema import apply_core
from pipelines.errors import BadModel
from pipelines.models import load_models
from tests.warehouse_builder import NOW, WarehouseBuilder, core_database, model, models, utc

CORE_SQL = "create table if not exists core.things (thing_id varchar not null, size integer)"
CORE_YML = """
description: Things that there are. One row per thing.
grain: [thing_id]
columns:
  thing_id: {description: The thing.}
  size: {description: Its size.}
"""
MART_YML = """
description: Sizes. One row per thing.
grain: [thing_id]
columns:
  thing_id: {description: The thing.}
  size: {description: Its size.}
"""


class Tree:
    """A small `sql/` folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.put("core/01_things.sql", CORE_SQL).put("core/01_things.yml", CORE_YML)
        self.mart("sizes", "select thing_id, size from core.things")

    def put(self, name: str, text: str) -> "Tree":
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return self

    def mart(self, name: str, sql: str, yml: str = MART_YML) -> "Tree":
        return self.put(f"marts/{name}.sql", sql).put(f"marts/{name}.yml", yml)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_models_come_in_dependency_order(tree: Tree) -> None:
    tree.mart("a_first_by_name", "with x as (select * from marts.sizes) select thing_id, size from x")
    loaded = load_models(tree.root)
    assert [one.relation for one in loaded] == ["core.things", "marts.sizes", "marts.a_first_by_name"]
    assert loaded[1].depends_on == (("core", "things"),)
    assert loaded[2].depends_on == (("marts", "sizes"),)
    assert [(column.name, column.data_type) for column in loaded[1].columns] == [
        ("thing_id", "VARCHAR"),
        ("size", "INTEGER"),
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "select thing_id, (select max(size) from core.others) as size from core.things",
        "select thing_id, size from core.things where exists (select 1 from core.others as o)",
        "select t.thing_id, t.size from core.things as t asof left join core.others as o on t.size >= o.size",
        "with core_others as (select * from core.others), t as (select * from core.things) "
        "select t.* from t anti join core_others using (thing_id)",
        "select thing_id, size from core.things union all select thing_id, size from core.others",
    ],
)
def test_references_are_found_wherever_they_hide(tree: Tree, sql: str) -> None:
    tree.put("core/02_others.sql", CORE_SQL.replace("things", "others")).put("core/02_others.yml", CORE_YML)
    tree.mart("sizes", sql)
    assert load_models(tree.root)[-1].depends_on == (("core", "others"), ("core", "things"))


BROKEN = {
    "a circle": ({"marts/sizes.sql": "select thing_id, size from marts.sizes"}, "circle: marts.sizes -> marts.sizes"),
    "an unknown table": ({"marts/sizes.sql": "select thing_id, size from core.thongs"}, "reads core.thongs"),
    "a table without schema": ({"marts/sizes.sql": "select thing_id, size from things"}, "name tables with their"),
    "a file as a table": ({"marts/sizes.sql": "select * from 'x.csv'"}, "name tables with their schema"),
    "two statements": ({"marts/sizes.sql": "select 1; select 2"}, "holds 2 statements"),
    "no select": ({"marts/sizes.sql": "create table marts.x (a int)"}, "sizes.sql must be one SELECT"),
    "a syntax error": ({"marts/sizes.sql": "selec 1"}, "sizes.sql must be one SELECT"),
    "an unknown column in SQL": ({"marts/sizes.sql": "select thing, size from core.things"}, "does not bind"),
    "a column not described": (
        {"marts/sizes.sql": "select thing_id, size, 1 as more from core.things"},
        "sizes.yml lacks a description of the column more",
    ),
    "a described column that is absent": (
        {"marts/sizes.sql": "select thing_id from core.things"},
        "sizes.yml describes the column size, which sizes.sql does not have",
    ),
    "a core column not described": (
        {"core/01_things.sql": CORE_SQL.replace("size", "weight")},
        "01_things.yml lacks a description of the column weight",
    ),
    "an empty description": ({"marts/sizes.yml": MART_YML.replace("Its size.", "")}, "columns.size.description"),
    "no grain sentence": ({"marts/sizes.yml": MART_YML.replace("One row per thing.", "")}, "must end in the grain"),
    "a grain that is no column": ({"marts/sizes.yml": MART_YML.replace("[thing_id]", "[thong_id]")}, "'thong_id'"),
    "a bad key": ({"marts/sizes.yml": MART_YML + "colour: red"}, "colour: Extra inputs are not permitted"),
    "no YAML": ({"marts/sizes.yml": "a: [b"}, "sizes.yml is not YAML"),
    "a yml without sql": ({"marts/other.yml": MART_YML}, "describes a model that has no SQL"),
    "a sql without yml": ({"marts/other.sql": "select 1"}, "has no other.yml"),
    "a check that is none": ({"marts/sizes.yml": MART_YML + "checks: [sparkling]"}, "'sparkling' is not a check"),
    "a check of two kinds": (
        {"marts/sizes.yml": MART_YML + "checks: [{unique: [size], between: [0, 1]}]"},
        "exactly one kind",
    ),
    "a condition without name": ({"marts/sizes.yml": MART_YML + "checks: [{condition: size > 0}]"}, "is not a check"),
    "completeness without its columns": (
        {"marts/sizes.yml": MART_YML + "completeness: true"},
        "must show the column runs_missing_count",
    ),
    "a dimension that is no column": ({"marts/sizes.yml": MART_YML + "dimensions: [hue]"}, "'hue'"),
    "a seed without table": ({"seeds/colours.csv": "name\nred\n"}, "add sql/core/NN_colours.sql"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_model_is_refused_before_anything_runs(tree: Tree, case: str) -> None:
    files, message = BROKEN[case]
    for name, text in files.items():
        tree.put(name, text)
    with pytest.raises(BadModel) as refused:
        load_models(tree.root)
    assert message in str(refused.value)


def test_every_kind_of_check_is_read(tree: Tree) -> None:
    checks = "[not_null, unique, {accepted_values: [1]}, {between: [0, null], severity: warn}]"
    yml = MART_YML.replace("{description: Its size.}", f"{{description: Its size., checks: {checks}}}")
    yml += "checks: [{unique: [size, thing_id]}, {condition: size > 0, name: positive, description: A failing one}]"
    tree.put("marts/sizes.yml", yml)
    found = [(check.kind, check.columns, check.severity, check.name) for check in load_models(tree.root)[-1].checks]
    assert found == [
        ("unique", ("thing_id",), "error", ""),
        ("not_null", ("size",), "error", ""),
        ("unique", ("size",), "error", ""),
        ("accepted_values", ("size",), "error", ""),
        ("between", ("size",), "warn", ""),
        ("unique", ("size", "thing_id"), "error", ""),
        ("condition", (), "error", "positive"),
    ]


def test_the_real_models_load_quickly_and_whole() -> None:
    started = time.process_time()
    loaded = load_models()
    assert time.process_time() - started < 3
    assert {one.schema for one in loaded} == {"core", "marts"}
    assert {one.name for one in loaded if one.is_base} == {
        path.stem[3:] for path in Path(__file__).parent.parent.glob("sql/core/*.sql")
    }


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


def test_core_tables_of_another_version_ask_for_a_rebuild() -> None:
    with core_database() as con:
        con.execute("alter table core.runs drop column ttl")
        with pytest.raises(BadModel, match=r"core\.runs .* differs in ttl.*recoup-warehouse rebuild"):
            apply_core(con)


def test_build_writes_the_clock_that_marts_know() -> None:
    house = WarehouseBuilder().poll("p2", started_at="2026-08-20T11:30:00Z", source="newest")
    report = house.build(as_of=utc("2026-08-20T10:00:00"), reporting_timezone="Asia/Tokyo")
    house.build(as_of=utc("2026-08-20T13:00:00"), reporting_timezone="Asia/Tokyo")
    context = house.query("select as_of_at, reporting_timezone, source, warehouse_version from core.build_context")
    assert context == [(utc("2026-08-20T13:00:00"), "Asia/Tokyo", "newest", context[0][3])]
    assert house.query("select built_at, source from marts.warehouse_info") == [(context[0][0], "newest")]
    assert report.as_of == utc("2026-08-20T10:00:00")
    assert report.row_counts["marts", "warehouse_info"] == 1
    assert report.row_counts.keys() == report.seconds.keys() == {one.key for one in models() if not one.is_base}


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


def test_runs_still_in_the_window_were_seen_when_their_task_was() -> None:
    house = WarehouseBuilder()
    seen, answered = "2026-08-20T11:00:00Z", "2026-08-20T09:00:00Z"
    house.task("fine", window_run_ids=["in_window", "newer"], observed_until_at=answered)
    # In an outage the task is seen and its runs are not; a deleted task shows no runs.
    house.task("outage", window_run_ids=["hidden"], observed_until_at="2026-08-19T00:00:00Z", last_seen_at=seen)
    house.task("gone", window_run_ids=["of_gone"], deleted_at=answered)
    for run_id, task_id in (("in_window", "fine"), ("scrolled", "fine"), ("hidden", "outage"), ("of_gone", "gone")):
        house.run(run_id, task_id, last_observed_at="2026-08-18T00:00:00Z")
    house.run("newer", "fine", last_observed_at="2026-08-20T10:00:00Z")
    house.build()
    assert dict(house.query("select run_id, last_observed_at from core.runs")) == {
        "in_window": utc("2026-08-20T09:00:00"),
        "newer": utc("2026-08-20T10:00:00"),
        "hidden": utc("2026-08-19T00:00:00"),
        "scrolled": utc("2026-08-18T00:00:00"),
        "of_gone": utc("2026-08-18T00:00:00"),
    }


def mart(name: str, sql: str, materialized: str = "table"):
    """A mart made of nothing but SQL."""
    return replace(model("warehouse_info"), name=name, sql=sql, columns=(), depends_on=(), materialized=materialized)


def rebuilt(con: duckdb.DuckDBPyConnection, *marts, **options) -> None:
    build(con, models=marts, as_of=NOW, reporting_timezone="UTC", **options)


def kinds(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    rows = con.execute("select table_name, table_type from information_schema.tables where table_schema = 'marts'")
    return dict(rows.fetchall())


def test_a_mart_may_become_a_view_and_a_table_again_and_go() -> None:
    with core_database() as con:
        for kind, found in (("table", "BASE TABLE"), ("view", "VIEW"), ("table", "BASE TABLE")):
            rebuilt(con, mart("x", "select 1 as a", kind))
            assert kinds(con) == {"x": found}
        rebuilt(con, mart("y", "select 1 as a"))
        assert kinds(con) == {"y": "BASE TABLE"}


def test_only_the_chosen_marts_are_built_and_no_other_is_dropped() -> None:
    with core_database() as con:
        rebuilt(con, mart("x", "select 1 as a"), mart("y", "select 1 as a"))
        rebuilt(con, mart("x", "select 2 as a"), mart("y", "select 2 as a"), only={("marts", "x")})
        assert con.execute("select x.a, y.a from marts.x, marts.y").fetchall() == [(2, 1)]


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


def test_marts_know_no_clock_but_the_one_that_build_was_given() -> None:
    words = ("now(", "current_date", "current_timestamp", "today(", "get_current")
    guilty = [one.name for one in models() if any(word in one.sql.lower() for word in words)]
    assert guilty == []


def test_the_same_core_gives_the_same_marts() -> None:
    house = WarehouseBuilder().task("t").run("r").run("s", outcome="failed").gap("2026-08-10T09:00:00Z")
    shown = []
    for _ in range(2):
        house.build(as_of=datetime(2026, 8, 20, tzinfo=UTC))
        shown.append({one.name: house.query(f"select * from {one.relation} order by all") for one in models()})
    assert shown[0] == shown[1]
