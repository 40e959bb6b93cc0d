"""The history of restatements, in the ledger beside the warehouse: for what is restored from a backup, and past copies.

Readers find it in core.publishes and core.restatements of the published copy, which is where a publish takes it from.
"""

import sqlite3
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pipelines.database.connection import Connection, insert_rows
from pipelines.incidents.ledger import open_ledger, transaction
from pipelines.incidents.watch import without_failing
from pipelines.paths import Layout

TABLES = ("publishes", "restatements")
ROWS_AT_ONCE = 10_000
PUBLISHED = "publish_number <= (select cast(value as integer) from facts where name = 'last_publish')"


def keep(con: Connection, layout: Layout) -> None:
    """Let the ledger hold what the work file tells of publishes, the one that is being made too, which `confirm` counts.

    Who let `current` lead back to an older copy gave up the publishes after it: their numbers are given anew.
    """
    with without_failing("restatements were not kept"), open_ledger(layout) as ledger, transaction(ledger):
        query = "select publish_number, published_at from {}publishes order by publish_number"
        known = {(number, at) for number, at in ledger.execute(query.format(""))}
        told = con.execute(query.format("core.")).fetchall()
        first = next((number for number, at in told if (number, _text(at)) not in known), told[-1][0])
        _count(ledger, told[-1][0] - 1)
        for table in TABLES:
            ledger.execute(f"delete from {table} where publish_number >= ?", [first])  # noqa: S608 - own names
            found = con.execute(f"from core.{table} where publish_number >= ? order by all", [first])
            names = [column[0] for column in found.description or ()]
            insert = f"insert into {table} ({', '.join(names)}) values ({', '.join('?' * len(names))})"  # noqa: S608
            while rows := found.fetchmany(ROWS_AT_ONCE):
                ledger.executemany(insert, [[*map(_text, row)] for row in rows])


def confirm(layout: Layout) -> None:
    """Count the newest publish as one that readers have. To be called after it; without it, the next publish does."""
    with without_failing("the publish was not noted"), open_ledger(layout) as ledger, transaction(ledger):
        _count(ledger, ledger.execute("select max(publish_number) from publishes").fetchone()[0])


def fill(con: Connection, layout: Layout) -> None:
    """Fill core.publishes and core.restatements from the ledger, where there is no published copy to take them from."""
    for table in TABLES:
        con.execute(f"delete from core.{table}")  # noqa: S608 - own names
    if not layout.incident_ledger.exists():
        return
    with without_failing("the history of restatements was not filled"), open_ledger(layout) as ledger:
        for table in TABLES:
            for rows in _in_parts(ledger.execute(f"select * from {table} where {PUBLISHED}")):  # noqa: S608 - own names
                insert_rows(con, f"core.{table}", rows)


def _count(ledger: sqlite3.Connection, number: int) -> None:
    ledger.execute("insert or replace into facts values ('last_publish', ?)", [number])


def _in_parts(cursor: sqlite3.Cursor) -> Iterator[list[dict[str, Any]]]:
    while rows := cursor.fetchmany(ROWS_AT_ONCE):
        yield [dict(row) for row in rows]


def _text(value: Any) -> Any:
    """SQLite has neither instants nor decimals: as texts they stay exact."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
