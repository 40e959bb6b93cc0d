"""Rows of core tables made whole: what an example or a test does not say gets a plain, consistent value.

Nothing here may touch a real warehouse's rows.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import duckdb

Connection = duckdb.DuckDBPyConnection
Row = Mapping[str, Any]

LONG_AGO = "2026-01-01T00:00:00Z"
AS_OF = "2026-08-20T12:00:00Z"
# What a not-null column of that type holds when nobody cares.
BY_TYPE: dict[str, Any] = {
    "VARCHAR": "x",
    "BOOLEAN": False,
    "INTEGER": 0,
    "BIGINT": 0,
    "DOUBLE": 0.0,
    "DECIMAL(38,20)": 0,
    "DATE": "2026-01-01",
    "JSON": "{}",
    "VARCHAR[]": [],
    "TIMESTAMP WITH TIME ZONE": LONG_AGO,
}
VERSIONED = (
    "title", "schedule", "timezone", "schedule_id", "model", "is_enabled", "account_id", "artist_account_id",
    "prompt_hash", "prompt_length",
)  # fmt: skip
STATUS_OF = {
    "succeeded": "COMPLETED",
    "failed": "FAILED",
    "cancelled": "CANCELED",
    "expired": "EXPIRED",
    "in_flight": "EXECUTING",
    "unknown": "NEW_WORD",
}
NEEDED = """
select column_name, data_type
from duckdb_columns()
where schema_name = 'core' and table_name = ? and not is_nullable and database_name = current_database()
"""


def insert_rows(con: Connection, table: str, rows: Iterable[Row]) -> None:
    """Insert rows into `core.<table>`, each made whole."""
    needed = con.execute(NEEDED, [table]).fetchall()
    for row in rows:
        whole = {name: BY_TYPE[data_type] for name, data_type in needed} | _whole(con, table, row)
        columns = ", ".join(whole)
        marks = ", ".join("?" for _ in whole)
        values = [_exact(value) for value in whole.values()]
        con.execute(f"insert into core.{table} ({columns}) values ({marks})", values)


def insert_first_versions(con: Connection) -> None:
    """Give each task without versions a first one: what the task says of itself."""
    columns = ", ".join(VERSIONED)
    con.execute(
        f"insert into core.task_versions (task_id, version_number, valid_from, is_current, changed_columns, {columns}) "
        f"select task_id, 1, first_seen_at, true, [], {columns} from core.tasks "
        "where task_id not in (select task_id from core.task_versions)"
    )


def _whole(con: Connection, table: str, row: Row) -> dict[str, Any]:
    match table:
        case "runs":
            return _run(con, row)
        case "tasks":
            return _task(row)
        case "polls":
            return {"poll_id": "p1", "finished_at": LONG_AGO, "status": "succeeded", "is_full_scope": True} | dict(row)
        case "task_versions":
            return {"version_number": 1, "is_enabled": True, "is_current": row.get("valid_to") is None} | dict(row)
        case "coverage_gaps":
            return {"cause": "window_overflow", "is_provisional": False} | dict(row)
        case "build_context":
            return {"as_of_at": AS_OF, "reporting_timezone": "UTC"} | dict(row)
        case _:
            return dict(row)


def _run(con: Connection, row: Row) -> dict[str, Any]:
    status = row.get("status") or STATUS_OF[row.get("outcome", "succeeded")]
    meaning = con.execute("select outcome, is_final from core.statuses where status = ?", [status]).fetchone()
    outcome, is_final = meaning or ("unknown", False)
    created = row.get("created_at", LONG_AGO)
    parts = [row.get("compute_cents"), row.get("invocation_cents")]
    total = None if None in parts else sum((Decimal(str(part)) for part in parts), Decimal(0))
    filled = {
        "status": status,
        "outcome": outcome,
        "is_final": is_final,
        "is_test": False,
        "is_production": True,
        "updated_at": created,
        "total_cents": total,
        "found_by": "window",
        "first_poll_id": "p1",
        "first_observed_at": created,
        "last_observed_at": created,
        "details_observed_at": None if row.get("attempt_count") is None else row.get("updated_at", created),
    }
    return filled | dict(row)


def _task(row: Row) -> dict[str, Any]:
    seen_from, seen_until = row.get("first_seen_at", LONG_AGO), row.get("last_seen_at", AS_OF)
    filled = {
        "title": f"Task {row.get('task_id', 'x')}",
        "is_enabled": True,
        "first_seen_at": seen_from,
        "last_seen_at": seen_until,
        "observed_from_at": seen_from,
        "observed_until_at": seen_until,
        "last_poll_id": "p1",
        "last_verdict": "known",
    }
    return filled | dict(row)


def _exact(value: Any) -> Any:
    """YAML reads 0.1 as a float; money must arrive as it was written."""
    return str(value) if isinstance(value, float) else value
