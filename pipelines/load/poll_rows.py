"""The rows that tell about a poll itself: core.polls, core.responses, core.quarantine, core.schema_changes.

Task and run rows do not belong here. Rows are made from the archive's ledger, so that a rebuild makes the same.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec

from pipelines.archive.store import PollRecord
from pipelines.database.connection import Connection, insert_rows
from pipelines.load.batches import Staged
from pipelines.recoup.endpoints import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class PollSummary:
    """One row of core.polls; fields and columns have the same names (sql/core/01_polls.yml describes them)."""

    poll_id: str
    started_at: datetime
    finished_at: datetime | None = None
    status: str
    source: str
    is_full_scope: bool
    account_count: int
    request_count: int
    http_statuses: Mapping[str, int] = field(default_factory=dict)
    response_bytes: int
    task_count: int = 0
    run_count: int = 0
    unchanged_task_count: int = 0
    new_task_count: int = 0
    changed_task_count: int = 0
    new_run_count: int = 0
    changed_run_count: int = 0
    quarantined_count: int = 0
    suspect_task_count: int = 0
    suspect_reasons: Sequence[str] = ()
    deleted_task_count: int = 0
    deletions_withheld_count: int = 0
    missing_run_count: int = 0
    details_call_count: int = 0
    recovered_run_count: int = 0
    recovery_note: str | None = None
    error_kind: str | None = None
    error_message: str | None = None


def poll_summary(record: PollRecord) -> PollSummary:
    """Return the row of a poll of which nothing is loaded, as its ledger tells it."""
    start, end, responses = record.start, record.end, record.responses
    return PollSummary(
        poll_id=start.poll_id,
        started_at=start.started_at,
        finished_at=end.finished_at if end else None,
        status="succeeded" if end and end.is_ok else "failed",
        source=start.source,
        is_full_scope=start.is_full_scope,
        account_count=max(1, len(start.account_ids)),
        request_count=len(responses),
        http_statuses=dict(sorted(Counter(str(stored.status or "none") for stored in responses).items())),
        response_bytes=sum(stored.size for stored in responses),
        details_call_count=sum(stored.kind is not Kind.TASKS for stored in responses),
        recovery_note=end.recovery_note if end else None,
        error_kind=end.error_kind if end else "Interrupted",
        error_message=end.error_message if end else "the poll was killed before it ended; nothing of it was loaded",
    )


def mark_running(con: Connection, record: PollRecord) -> None:
    """Write the row of a poll that has just begun; its end replaces it."""
    _replace_poll(con, replace(poll_summary(record), status="running", error_kind=None, error_message=None))


def write_poll(con: Connection, record: PollRecord, summary: PollSummary, found: Staged) -> None:
    """Write all rows about one poll. The caller owns the transaction."""
    _replace_poll(con, summary)
    insert_rows(con, "core.responses", _response_rows(record))
    if found.rejects:
        con.execute("insert into core.quarantine by name select ? as poll_id, * from stage.rejects", [record.poll_id])
    for path, json_type in sorted(found.unknown_keys.items()):
        _note_schema_change(con, record, path, json_type)


def stage_rejects(con: Connection, found: Staged) -> None:
    """Put what could not be kept into the stage, where the merge asks for it. Again is the same."""
    con.execute("delete from stage.rejects")
    rows = [
        {
            "response_number": number,
            "path": reject.path,
            "level": reject.level,
            "task_id": reject.task_id,
            "run_id": reject.run_id,
            "run_created_at": reject.run_created_at,
            "reason": reject.reason,
            "raw": msgspec.Raw(reject.raw.encode()),
        }
        for number, reject in found.rejects
    ]
    insert_rows(con, "stage.rejects", rows)


def _response_rows(record: PollRecord) -> list[dict[str, Any]]:
    return [
        {
            "poll_id": record.poll_id,
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
    ]


def _replace_poll(con: Connection, summary: PollSummary) -> None:
    con.execute("delete from core.polls where poll_id = ?", [summary.poll_id])
    insert_rows(con, "core.polls", [asdict(summary)])


def _note_schema_change(con: Connection, record: PollRecord, path: str, json_type: str) -> None:
    known = con.execute(
        "update core.schema_changes set poll_count = poll_count + 1 where path = ? returning path", [path]
    ).fetchone()
    if known is None:
        row = {
            "path": path,
            "kind": "unknown_key",
            "json_type": json_type,
            "first_seen_at": record.start.started_at,
            "first_poll_id": record.poll_id,
            "poll_count": 1,
        }
        insert_rows(con, "core.schema_changes", [row])
