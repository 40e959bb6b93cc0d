"""Comparing the work file with the published copy before it is replaced: which numbers of ended days changed, and why.

What is a change and what its cause says the SQL of sql/restatements. Keeping what was found belongs to ledger.py.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import version

import duckdb

from pipelines.clock import Clock
from pipelines.console.log import warn
from pipelines.database.connection import Connection, roll_back
from pipelines.database.sql_text import Row, literal, statement
from pipelines.paths import SQL_DIR, Layout
from pipelines.publish.snapshots import snapshot_numbers
from pipelines.restatements.ledger import TABLES, fill, keep
from pipelines.transform.model import Model

_MADE_BY = ("core", "flatten", "macros", "marts", "build", "ticks", "seeds")


def compare(con: Connection, layout: Layout, models: Sequence[Model], clock: Clock) -> None:
    """Write the row of the publish that is being made, and what it tells otherwise than the published copy.

    To be called on the built work file, under the publisher's and the writer's lock. Where the copy cannot be compared
    with, the row says so: nothing here stops a publish.
    """
    row = {
        "published_at": clock(),
        "snapshot_number": max(snapshot_numbers(layout), default=0) + 1,
        "program": f"{version('recoup-warehouse')}, DuckDB {duckdb.__version__}",
        "sql_digest": sql_digest(tuple(model.sql for model in models)),
    }
    with _attached(con, layout) as is_there:
        if not is_there or not _take_history(con):
            fill(con, layout)
        before = _newest_of_copy(con) if is_there else None
        if before is None or not _is_compared(con, row, before):
            write_publish(con, row, None)
    keep(con, layout)


def _is_compared(con: Connection, row: Row, before: int) -> bool:
    con.execute("begin")
    try:
        write_publish(con, row, before)
        restate(con)
        con.execute("commit")
    except duckdb.Error as error:
        roll_back(con)
        warn("not_compared", f"the published copy could not be compared with ({_first_line(error)})")
        return False
    return True


def write_publish(con: Connection, row: Row, compared_with: int | None) -> None:
    """Write the row of the publish that is being made."""
    con.execute(statement("restatements", "01_publish"), row | {"compared_with": compared_with})


def restate(con: Connection) -> None:
    """Write what the newest publish tells otherwise than the copy attached as `published`."""
    con.execute(statement("restatements", "02_changed_days"))
    if con.execute("from restated_days limit 1").fetchone():
        con.execute(statement("restatements", "03_explain"))
        con.execute(statement("restatements", "04_write"))


@contextmanager
def _attached(con: Connection, layout: Layout) -> Iterator[bool]:
    """Attach what people open as `published`; tell whether there is a copy that can be read."""
    if not layout.published_file.exists():
        yield False
        return
    try:
        con.execute(f"attach {literal(layout.published_file.resolve())} as published (read_only)")
    except duckdb.Error as error:
        warn("not_compared", f"the published copy could not be opened ({_first_line(error)})")
        yield False
        return
    try:
        yield True
    finally:
        con.execute("detach published")


def _take_history(con: Connection) -> bool:
    """Make history what readers have; False when the copy has none, or another version wrote it."""
    publishes = "select publish_number, published_at from {}core.publishes order by all"
    try:
        if con.execute(publishes.format("")).fetchall() != con.execute(publishes.format("published.")).fetchall():
            for table in TABLES:
                con.execute(f"delete from core.{table}")  # noqa: S608 - own names
                con.execute(f"insert into core.{table} by name from published.core.{table}")
    except duckdb.Error:
        return False
    return True


def _newest_of_copy(con: Connection) -> int | None:
    """Return which publish made the copy; None when it is of a version that did not say."""
    try:
        row = con.execute("select max(publish_number) from published.core.publishes").fetchone()
    except duckdb.Error:
        return None
    return row[0] if row else None


@lru_cache(maxsize=4)
def sql_digest(model_texts: tuple[str, ...]) -> str:
    """Return a digest of all that makes numbers of answers: the SQL files of the program, its seeds, and the models."""
    digest = hashlib.sha256("\n".join(model_texts).encode())
    for folder in _MADE_BY:
        for path in sorted((SQL_DIR / folder).iterdir()):
            if path.suffix in (".sql", ".csv"):
                digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
