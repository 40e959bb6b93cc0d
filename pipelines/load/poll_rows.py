"""The rows that tell about a poll itself: core.polls, core.responses, core.quarantine, core.schema_changes.

Task and run rows do not belong here. Rows are made from the archive's ledger, so that a rebuild makes the same.
"""

from collections import Counter
from typing import Any

import msgspec

from pipelines.archive.store import PollRecord
from pipelines.database.connection import Connection, insert_rows
from pipelines.load.batches import Staged

RECOVERY_KINDS = ("runs", "run")


def poll_row(record: PollRecord, found: Staged, counts: dict[str, Any]) -> dict[str, Any]:
    """Return the row of core.polls for a poll."""
    start, end, responses = record.start, record.end, record.responses
    statuses = Counter(str(stored.status or "none") for stored in responses)
    row: dict[str, Any] = dict.fromkeys(COUNT_COLUMNS, 0) | {
        "poll_id": start.poll_id,
        "started_at": start.started_at,
        "finished_at": end.finished_at if end else None,
        "status": _status(record, counts),
        "source": start.source,
        "is_full_scope": start.is_full_scope,
        "account_count": max(1, len(start.account_ids)),
        "request_count": len(responses),
        "http_statuses": dict(sorted(statuses.items())),
        "response_bytes": sum(stored.size for stored in responses),
        "suspect_reasons": [],
        "details_call_count": sum(stored.kind in RECOVERY_KINDS for stored in responses),
        "recovery_note": end.recovery_note if end else None,
        "error_kind": end.error_kind if end else "Interrupted",
        "error_message": end.error_message if end else "the poll was killed before it ended; nothing of it was loaded",
    }
    return row | {"quarantined_count": len(found.rejects)} | counts


COUNT_COLUMNS = [
    "task_count",
    "run_count",
    "unchanged_task_count",
    "new_task_count",
    "changed_task_count",
    "new_run_count",
    "changed_run_count",
    "quarantined_count",
    "suspect_task_count",
    "deleted_task_count",
    "deletions_withheld_count",
    "missing_run_count",
    "recovered_run_count",
]


def _status(record: PollRecord, counts: dict[str, Any]) -> str:
    if record.end is None or not record.end.is_ok:
        return "failed"
    return "suspect" if counts.get("suspect_reasons") else "succeeded"


def mark_running(con: Connection, record: PollRecord) -> None:
    """Write the row of a poll that has just begun; its end replaces it."""
    row = poll_row(record, Staged(), {}) | {"status": "running", "error_kind": None, "error_message": None}
    _replace_poll(con, row)


def write_ledger(con: Connection, record: PollRecord, row: dict[str, Any], found: Staged) -> None:
    """Write all ledger rows of one poll. The caller owns the transaction."""
    _replace_poll(con, row)
    poll_id = record.poll_id
    insert_rows(
        con,
        "core.responses",
        [
            {
                "poll_id": poll_id,
                "response_number": stored.number,
                "kind": stored.kind,
                "request": stored.request,
                "http_status": stored.status,
                "requested_at": stored.requested_at,
                "received_at": stored.received_at,
                "tries_count": stored.tries,
                "body_bytes": stored.size,
                "body_hash": stored.body_hash,
            }
            for stored in record.responses
        ],
    )
    insert_rows(
        con,
        "core.quarantine",
        [
            {"poll_id": poll_id, "response_number": number, "raw": msgspec.Raw(reject.raw.encode())}
            | {name: getattr(reject, name) for name in ("path", "level", "task_id", "run_id", "reason")}
            for number, reject in found.rejects
        ],
    )
    for path, json_type in sorted(found.unknown_keys.items()):
        _note_schema_change(con, record, path, json_type)


def _replace_poll(con: Connection, row: dict[str, Any]) -> None:
    con.execute("delete from core.polls where poll_id = ?", [row["poll_id"]])
    insert_rows(con, "core.polls", [row])


def _note_schema_change(con: Connection, record: PollRecord, path: str, json_type: str) -> None:
    known = con.execute(
        "update core.schema_changes set poll_count = poll_count + 1 where path = ? returning path", [path]
    ).fetchone()
    if known is None:
        con.execute(
            "insert into core.schema_changes values (?, 'unknown_key', ?, ?, ?, 1)",
            [path, json_type, record.start.started_at, record.poll_id],
        )
