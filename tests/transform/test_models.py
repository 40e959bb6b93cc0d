"""Loading the models: their order, what they read, their checks, and every way to get a file wrong.

What the marts say is tested in test_marts.py.
"""

import json
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.errors import BadModel
from pipelines.transform.load_models import load_models
from tests.support.warehouse_builder import models

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
    "rows of a table that is not read": (
        {"marts/sizes.yml": MART_YML + "rows_of: core.others"},
        "says `rows_of: core.others`, which its SQL does not read",
    ),
    "rows of no table": ({"marts/sizes.yml": MART_YML + "rows_of: things"}, "rows_of: String should match"),
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
        path.stem[3:] for path in Path(__file__).parents[2].glob("sql/core/*.sql")
    }


def _arms(node: dict[str, Any]) -> list[dict[str, Any]]:
    """The SELECTs that make the rows: the last one, or each arm of a last union."""
    children = node.get("children") or [node[side] for side in ("left", "right") if side in node]
    return [arm for child in children for arm in _arms(child)] or [node]


def test_a_time_is_said_to_be_an_instant() -> None:
    """Clients show it in a zone of their own, so that a comment must not name one."""
    times = [
        (one.relation, column.name, column.description)
        for one in models()
        for column in one.columns
        if column.data_type == "TIMESTAMP WITH TIME ZONE"
    ]
    assert len(times) > 80
    assert [time for time in times if "(instant" not in time[2] or "UTC" in time[2]] == []


def test_no_mart_ends_in_a_star() -> None:
    """A column that a table below gains must not reach readers before somebody describes it."""
    with duckdb.connect() as con:
        for one in (one for one in models() if not one.is_base):
            row = con.execute("select json_serialize_sql($sql)::varchar", {"sql": one.sql}).fetchone()
            assert row is not None
            node = json.loads(row[0])["statements"][0]["node"]
            selected = [expression["class"] for arm in _arms(node) for expression in arm["select_list"]]
            assert selected, one.relation
            assert "STAR" not in selected, one.relation


def test_marts_know_no_clock_but_the_one_that_build_was_given() -> None:
    words = ("now(", "current_date", "current_timestamp", "today(", "get_current")
    guilty = [one.name for one in models() if any(word in one.sql.lower() for word in words)]
    assert guilty == []
