"""Running the steps of sql/flatten, with the types of the contract put into them. No SQL here.

Reading files of sql/ in general belongs to database/sql_text.py.
"""

from functools import cache

from pipelines.database.connection import Connection
from pipelines.database.sql_text import identifier, literal, statement
from pipelines.load.json_types import struct_type
from pipelines.recoup import contract


@cache
def text(name: str) -> str:
    """Return a step's text; `{task_type}` and `{run_type}` stand for the types of the contract's objects."""
    content = statement("flatten", name)
    for placeholder, declared in (("{task_type}", contract.Task), ("{run_type}", contract.Run)):
        if placeholder in content:
            content = content.replace(placeholder, struct_type(declared))
    return content


def run_flatten(con: Connection, name: str) -> None:
    """Run all statements of `sql/flatten/<name>.sql`."""
    con.execute(text(name))


def set_variables(con: Connection, **values: object) -> None:
    """Set session variables, as literals: Python parameters are slow (database/connection.insert_rows says why)."""
    con.execute("; ".join(f"set variable {name} = {literal(value)}" for name, value in values.items()))


def has_rows(con: Connection, rows: str) -> bool:
    """Tell whether a table has rows: planning SQL that finds nothing to do is most of a small poll's time."""
    return con.execute(f"select 1 from {rows} limit 1").fetchone() is not None  # noqa: S608 - names of our own


def beside(con: Connection) -> Connection:
    """Open another session of the same instance, in which names mean the same database: `use` is a session's own."""
    session = con.cursor()
    row = con.execute("select current_database()").fetchone()
    session.execute(f"use {identifier(row[0] if row else '')}")
    return session
