"""Running the statements of sql/flatten, with the types of the contract put into them. No SQL here."""

from datetime import datetime
from functools import cache
from pathlib import Path

from pipelines.database.connection import Connection
from pipelines.load.json_types import struct_type
from pipelines.paths import SQL_DIR
from pipelines.recoup import contract

FLATTEN = SQL_DIR / "flatten"


@cache
def text(path: Path) -> str:
    """Return a file's text; `{task_type}` and `{run_type}` stand for the types of the contract's objects."""
    content = path.read_text(encoding="utf-8")
    for name, declared in (("{task_type}", contract.Task), ("{run_type}", contract.Run)):
        if name in content:
            content = content.replace(name, struct_type(declared))
    return content


def run_flatten(con: Connection, name: str) -> None:
    """Run all statements of `sql/flatten/<name>.sql`."""
    con.execute(text(FLATTEN / f"{name}.sql"))


def set_variables(con: Connection, **values: object) -> None:
    """Set session variables, as literals: Python parameters are slow (database/connection.insert_rows says why)."""
    con.execute("; ".join(f"set variable {name} = {_literal(value)}" for name, value in values.items()))


def _literal(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]::varchar[]"
    if isinstance(value, bytes):
        return f"unhex('{value.hex()}')"
    if isinstance(value, datetime):
        return f"timestamptz '{value.isoformat()}'"
    if isinstance(value, bool):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"
