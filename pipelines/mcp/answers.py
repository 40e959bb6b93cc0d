"""Running a question on the published copy within bounds, and what every answer says beside its rows.

What may be asked belongs to metric_sql.py; the protocol to server.py.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb

from pipelines.console.result_format import printable, trimmed
from pipelines.database.connection import Connection, database_of
from pipelines.database.sandbox import interruptible, sandboxed
from pipelines.database.sql_text import Row, first_row
from pipelines.errors import RecoupError
from pipelines.paths import Layout

MOST_ROWS, USUAL_ROWS = 1000, 100
MOST_BYTES = 1_000_000
SECONDS = 10.0
MEMORY = "512MB"
# Readers that have only floating point tell no larger whole numbers apart.
LARGEST_EXACT = 2**53
WHOLE = """select runs_missing_count, coverage_ratio, coverage_status, unknown_task_count, polls_until, built_at,
    reporting_timezone, source from marts.warehouse_info"""


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows by column name, whether more were there, and how complete the whole copy is that they come from."""

    sql: str
    rows: list[Row]
    is_cut: bool
    snapshot: int
    warehouse: Row


def answer(layout: Layout, sql: str, limit: int = USUAL_ROWS, *, seconds: float = SECONDS) -> Answer:
    """Run one SELECT. Raises NothingPublished, and RecoupError for what is refused, fails or takes too long."""
    if not 1 <= limit <= MOST_ROWS:
        raise RecoupError(f"limit {limit} is not between 1 and {MOST_ROWS}; ask for less, or for sums")
    with sandboxed(layout, memory_limit=MEMORY) as con, _in_a_sentence(seconds):
        _demand_one_select(con, sql)
        rows = interruptible(con, lambda: _read(con, sql, limit + 1), seconds)
        whole = first_row(con.execute(WHOLE))
        snapshot = int(database_of(con).parent.name)
    shown = _fitting(rows[:limit])
    return Answer(sql, shown, len(shown) < len(rows), snapshot, _plain_row(whole))


def _demand_one_select(con: Connection, sql: str) -> None:
    statements = con.extract_statements(sql)
    if [one.type for one in statements] != [duckdb.StatementType.SELECT]:
        raise RecoupError("only one SELECT can be asked at a time; nothing was run")


def _read(con: Connection, sql: str, most: int) -> list[Row]:
    names = [column[0] for column in con.execute(sql).description or ()]
    return [_plain_row(dict(zip(names, row, strict=True))) for row in con.fetchmany(most)]


@contextmanager
def _in_a_sentence(seconds: float) -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise RecoupError(f"the query was ended after {seconds:g} s; ask for fewer days, tasks or columns") from None
    except duckdb.Error as error:
        raise RecoupError(f"DuckDB refused the query: {printable(str(error).strip())}") from error


def _fitting(rows: list[Row]) -> list[Row]:
    """Return as many of the rows as fit into one message."""
    size = 0
    for number, row in enumerate(rows):
        size += len(str(row))
        if size > MOST_BYTES:
            return rows[:number]
    return rows


def _plain_row(row: Row) -> Row:
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    """Return a value as any JSON reader has it: what its numbers do not hold exactly as a text, instants in UTC."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return value if abs(value) <= LARGEST_EXACT else str(value)
    if isinstance(value, Decimal):
        return trimmed(value)
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    return str(value)
