"""Reading the statements of sql/: the only place that turns a .sql file of statements into calls. No SQL here."""

from functools import cache
from pathlib import Path

import duckdb

from pipelines.paths import SQL_DIR

FLATTEN = SQL_DIR / "flatten"


@cache
def text(path: Path) -> str:
    """Return a file's text; `{run_struct}` stands for the type of a run in a response."""
    content = path.read_text(encoding="utf-8")
    if "{run_struct}" in content:
        content = content.replace("{run_struct}", text(FLATTEN / "run_struct.txt"))
    return content


def run_flatten(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Run all statements of `sql/flatten/<name>.sql`."""
    con.execute(text(FLATTEN / f"{name}.sql"))
