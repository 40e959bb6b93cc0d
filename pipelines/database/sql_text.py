"""SQL as text: the statements in the files of sql/, values and names written into them, and rows read by name.

What a statement means belongs to the folder that runs it; opening a database belongs to connection.py.
"""

from datetime import datetime
from functools import cache
from typing import Any

import duckdb

from pipelines.paths import SQL_DIR

Row = dict[str, Any]


@cache
def statement(folder: str, name: str) -> str:
    """Return the text of `sql/<folder>/<name>.sql`; read once in a process."""
    return (SQL_DIR / folder / f"{name}.sql").read_text(encoding="utf-8")


def identifier(name: str) -> str:
    """Write a name of a table or column in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """Write a value as SQL: numbers, booleans, bytes, instants and lists of texts as such, anything else as a text."""
    if value is None:
        return "null"
    if isinstance(value, bool | int | float):
        return str(value).lower()
    if isinstance(value, bytes):
        return f"unhex('{value.hex()}')"
    if isinstance(value, datetime):
        return f"timestamptz '{value.isoformat()}'"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]::varchar[]"
    return "'" + str(value).replace("'", "''") + "'"


def rows(cursor: duckdb.DuckDBPyConnection) -> list[Row]:
    """Return what was asked, each row as a mapping of column to value."""
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def first_row(cursor: duckdb.DuckDBPyConnection) -> Row:
    """Return the first row of what was asked; empty when there is none."""
    names = [column[0] for column in cursor.description or ()]
    row = cursor.fetchone()
    return dict(zip(names, row, strict=True)) if row else {}
