"""Binding models to an empty warehouse in memory: do their columns exist, and of which type are they.

No data is read or written here; a binding proves the SQL before anything runs.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from pipelines.database.connection import Connection
from pipelines.database.core_schema import apply_core, core_columns
from pipelines.errors import BadModel
from pipelines.transform.model import Column, Model


def bind(models: Sequence[Model], sql_dir: Path) -> tuple[Model, ...]:
    """Return the models with the type of each column, in the database's order.

    Raises BadModel when the SQL does not bind, or its columns differ from the described ones.
    """
    with duckdb.connect() as con:
        apply_core(con, sql_dir)
        tables = core_columns(con)
        return tuple(
            _typed(model, tables.get(model.name, ()) if model.is_base else _columns_of_mart(con, model))
            for model in models
        )


def _columns_of_mart(con: Connection, model: Model) -> tuple[tuple[str, str], ...]:
    try:
        con.execute(f"create table {model.relation} as {model.sql}")
        rows = con.execute(f"describe {model.relation}").fetchall()
    except duckdb.Error as error:
        raise BadModel(f"{model.path} does not bind: {error}") from error
    return tuple((row[0], row[1]) for row in rows)


def _typed(model: Model, found: tuple[tuple[str, str], ...]) -> Model:
    described = {column.name: column for column in model.columns}
    names = {name for name, _ in found}
    yml = model.path.with_suffix(".yml")
    for name in names - described.keys():
        raise BadModel(f"{yml} lacks a description of the column {name}")
    for name in described.keys() - names:
        raise BadModel(f"{yml} describes the column {name}, which {model.path.name} does not have")
    return replace(
        model,
        columns=tuple(Column(name, described[name].description, data_type) for name, data_type in found),
    )
