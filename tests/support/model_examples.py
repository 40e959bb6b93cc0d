"""Reading and running the given/expect rows of a mart: the unit tests of its SQL, in tests/transform/examples/.

Whoever runs them brings an empty database; real warehouses never come here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import yaml
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from pipelines.database.sql_text import statement
from pipelines.transform.model import Model
from tests.support.core_rows import insert_first_versions, insert_rows

Connection = duckdb.DuckDBPyConnection
Rows = list[dict[str, Any]]
FOLDER = Path(__file__).parents[1] / "transform" / "examples"
RATIO_DIGITS = 6


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Example:
    """Rows of the core tables below a mart (`given`) and the rows that it then must show (`expect`)."""

    name: str
    given: dict[str, Rows]
    expect: Rows


def read_examples(folder: Path = FOLDER) -> dict[str, list[Example]]:
    """Read all examples, by the name of their mart. Raises ValidationError for a file of another form."""
    form = TypeAdapter(list[Example])
    files = sorted(folder.glob("*.yml"))
    # The loader in C is as safe as `safe_load`, and each worker of the suite reads all examples.
    return {path.stem: form.validate_python(yaml.load(path.read_text(), yaml.CSafeLoader)) for path in files}


def run_example(con: Connection, models: Sequence[Model], model: Model, example: Example) -> list[str]:
    """Build the model over the given rows and return what differs from the expected ones; empty when all is right.

    `con` holds an empty core schema (`apply_core`) and is left as it was.
    """
    con.execute("begin")
    try:
        for relation, rows in example.given.items():
            insert_rows(con, _core_table(example, relation), rows)
        if "core.build_context" not in example.given:
            insert_rows(con, "build_context", [{}])
        insert_first_versions(con)
        con.execute(statement("build", "reporting_dates"))
        for needed in below(models, model):
            con.execute(f"create or replace {needed.materialized} {needed.relation} as {needed.sql}")
        return _differences(con, model, example)
    finally:
        con.execute("rollback")


def _core_table(example: Example, relation: str) -> str:
    schema, _, table = relation.partition(".")
    if schema != "core":
        raise ValueError(f"the example {example.name!r} gives rows of {relation}; only core tables can be given")
    return table


def below(models: Sequence[Model], model: Model) -> list[Model]:
    """The model and all marts under it, in building order."""
    wanted = {model.key}
    for candidate in reversed(models):
        if candidate.key in wanted:
            wanted |= set(candidate.depends_on)
    return [candidate for candidate in models if candidate.key in wanted and not candidate.is_base]


def _differences(con: Connection, model: Model, example: Example) -> list[str]:
    if not example.expect:
        found = con.execute(f"select * from {model.relation}").fetchall()
        return [f"not expected: {row}" for row in found]
    names = _columns(model, example)
    listed = ", ".join(names)
    con.execute(f"create or replace temp table expected as select {listed} from {model.relation} limit 0")
    marks = ", ".join("?" for _ in names)
    for row in example.expect:
        values = [str(row[name]) if isinstance(row[name], float) else row[name] for name in names]
        con.execute(f"insert into expected values ({marks})", values)
    shown = ", ".join(_comparable(model, name) for name in names)
    missing = _only_in(con, f"select {shown} from expected", f"select {shown} from {model.relation}")
    excess = _only_in(con, f"select {shown} from {model.relation}", f"select {shown} from expected")
    con.execute("drop table expected")
    return [f"expected: {row}" for row in missing] + [f"found:    {row}" for row in excess]


def _columns(model: Model, example: Example) -> list[str]:
    names = list(example.expect[0])
    for row in example.expect:
        if list(row) != names:
            raise ValueError(f"the example {example.name!r} must name the same columns in each expected row")
    for name in names:
        if model.column(name) is None:
            raise ValueError(f"the example {example.name!r} expects {name}, which {model.relation} does not have")
    return names


def _comparable(model: Model, name: str) -> str:
    column = model.column(name)
    is_double = column is not None and column.data_type == "DOUBLE"
    return f"round({name}, {RATIO_DIGITS}) as {name}" if is_double else name


def _only_in(con: Connection, these: str, those: str) -> list[dict[str, Any]]:
    cursor = con.execute(f"{these} except all {those} order by all")
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, map(str, row), strict=True)) for row in cursor.fetchall()]
