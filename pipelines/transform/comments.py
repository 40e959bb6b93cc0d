"""Descriptions as database comments, so that every client shows what a table and a column mean.

The texts belong to the models' .yml files.
"""

from collections.abc import Sequence

from pipelines.database.connection import Connection
from pipelines.database.sql_text import identifier, literal, statement
from pipelines.transform.model import Model


def apply_comments(con: Connection, models: Sequence[Model]) -> None:
    """Comment tables and columns where the comment differs; `create or replace` drops comments."""
    tables = {
        (row[0], row[1]): (row[2], row[3]) for row in con.execute(statement("build", "table_comments")).fetchall()
    }
    columns = {
        (row[0], row[1], row[2]): row[3] for row in con.execute(statement("build", "column_comments")).fetchall()
    }
    for model in models:
        if model.key not in tables:
            continue
        kind, comment = tables[model.key]
        if comment != model.description:
            con.execute(f"comment on {kind} {model.relation} is {literal(model.description)}")
        for column in model.columns:
            if columns.get((*model.key, column.name), column.description) != column.description:
                place = f"{model.relation}.{identifier(column.name)}"
                con.execute(f"comment on column {place} is {literal(column.description)}")
