"""One row of a mart, named by values of its columns, and the runs that it is made of, seen and missing.

Where the archive told of them belongs to told.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from pipelines.console.nearest import nearest
from pipelines.database.connection import Connection
from pipelines.database.sql_text import Row, identifier, literal, rows, statement
from pipelines.errors import RecoupError
from pipelines.transform.model import Model

# How a column of a grain is told from a run's own columns.
DERIVED = {"month": "cast(date_trunc('month', facts.date) as date)"}
MOST_MATCHES = 5
# Its rows without a task are the whole fleet, not the runs of unknown tasks.
NO_GROUPS = {"marts.anomalies"}


@dataclass(frozen=True, slots=True)
class Cell:
    """A row as published, the SQL that made it, the runs behind it, and the ticks whose runs were never seen."""

    mart: Model
    row: Row
    runs: list[Row]
    missing: list[Row]


def explainable(models: Sequence[Model]) -> dict[str, Model]:
    """Return the marts whose rows are groups of runs: their grain is made of columns of run_facts."""
    facts = next(model for model in models if model.key == ("marts", "run_facts"))
    known = {column.name for column in facts.columns} | set(DERIVED)
    fitting = (model for model in models if not model.is_base and {*model.grain} <= known)
    return {model.relation: model for model in fitting if model.relation not in NO_GROUPS}


def find_cell(con: Connection, models: Sequence[Model], table: str, values: Mapping[str, str | None]) -> Cell:
    """Return the one row of `table` with these values. Raises RecoupError naming what exists, when it is not one."""
    mart = _mart(models, table)
    for name in values:
        if mart.column(name) is None:
            raise RecoupError(f"{mart.relation} has no column {name!r}; its key is {', '.join(mart.grain)}")
    row = _one_row(con, mart, values)
    missing_facts = next(model for model in models if model.key == ("marts", "missing_run_facts"))
    has_missing = all(missing_facts.column(name) or name in DERIVED for name in mart.grain)
    where = _conditions(mart, row)
    return Cell(
        mart,
        row,
        rows(con.execute(statement("evidence", "runs").replace("{conditions}", where))),
        rows(con.execute(statement("evidence", "missing").replace("{conditions}", where))) if has_missing else [],
    )


def _mart(models: Sequence[Model], table: str) -> Model:
    known = explainable(models)
    name = table if "." in table else f"marts.{table}"
    if name in known:
        return known[name]
    if any(name == model.relation for model in models):
        raise RecoupError(f"rows of {name} are no groups of runs; what can be explained: {', '.join(known)}")
    raise RecoupError(f"there is no table {table!r}; {nearest(name, known)}")


def _one_row(con: Connection, mart: Model, values: Mapping[str, str | None]) -> Row:
    where = " and ".join(f"{identifier(name)} is not distinct from {literal(value)}" for name, value in values.items())
    try:
        found = rows(con.execute(f"from {mart.relation} where {where or 'true'} limit {MOST_MATCHES + 1}"))
    except duckdb.ConversionException as error:
        raise RecoupError(f"{mart.relation} cannot have such a value: {str(error).splitlines()[0]}") from error
    if len(found) == 1:
        return found[0]
    if found:
        raise RecoupError(f"{_many(found)} rows of {mart.relation} fit; say more of {', '.join(_told(mart, found))}")
    raise RecoupError(f"no row of {mart.relation} fits; {_what_there_is(con, mart, values)}")


def _many(found: Sequence[Row]) -> str:
    return f"more than {MOST_MATCHES}" if len(found) > MOST_MATCHES else str(len(found))


def _told(mart: Model, found: Sequence[Row]) -> Iterator[str]:
    """The columns of the key in which the rows differ, with some of their values."""
    for name in mart.grain:
        values = list(dict.fromkeys("" if row[name] is None else str(row[name]) for row in found))
        if len(values) > 1:
            yield f"{name} (like {', '.join(f'{name}={value}' for value in values[:2])})"


def _what_there_is(con: Connection, mart: Model, values: Mapping[str, str | None]) -> str:
    """Say which value does not occur, or that they do not occur together, and for days which ones there are."""
    for name, value in values.items():
        column = identifier(name)
        here, least, most = con.execute(
            f"select count(*) filter ({column} is not distinct from {literal(value)}), min({column}), max({column})"  # noqa: S608 - a model's own names
            f" from {mart.relation}"
        ).fetchone() or (0, None, None)
        if not here:
            return f"{name}={value or ''} does not occur (there is {least} to {most})"
    return "these values do not occur together"


def _conditions(mart: Model, row: Row) -> str:
    return " and ".join(
        f"{DERIVED.get(name, f'facts.{identifier(name)}')} is not distinct from {literal(row[name])}"
        for name in mart.grain
    )
