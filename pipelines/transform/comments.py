"""Descriptions as database comments, so that every client shows what a table and a column mean.

The texts belong to the models' .yml files.
"""

from collections.abc import Sequence

import duckdb

from pipelines.transform.model import Model

Connection = duckdb.DuckDBPyConnection

TABLE_COMMENTS = """
select schema_name, table_name, 'table', comment from duckdb_tables() where database_name = current_database()
union all
select schema_name, view_name, 'view', comment from duckdb_views() where database_name = current_database()
"""
COLUMN_COMMENTS = """
select schema_name, table_name, column_name, comment
from duckdb_columns() where database_name = current_database()
"""


def apply_comments(con: Connection, models: Sequence[Model]) -> None:
    """Comment tables and columns where the comment differs; `create or replace` drops comments."""
    tables = {(row[0], row[1]): (row[2], row[3]) for row in con.execute(TABLE_COMMENTS).fetchall()}
    columns = {(row[0], row[1], row[2]): row[3] for row in con.execute(COLUMN_COMMENTS).fetchall()}
    for model in models:
        if model.key not in tables:
            continue
        kind, comment = tables[model.key]
        if comment != model.description:
            con.execute(f"comment on {kind} {model.relation} is {_quoted(model.description)}")
        for column in model.columns:
            if columns.get((*model.key, column.name), column.description) != column.description:
                con.execute(f'comment on column {model.relation}."{column.name}" is {_quoted(column.description)}')


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
