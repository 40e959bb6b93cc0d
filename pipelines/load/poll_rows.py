"""The rows that tell about a poll itself: core.polls, core.responses, core.quarantine, core.schema_changes.

Task and run rows do not belong here. Rows are made from the archive's ledger, so that a rebuild makes the same.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from pipelines.archive.poll_record import PollRecord
from pipelines.archive.verify import Known
from pipelines.database.connection import Connection, insert_rows
from pipelines.errors import ArchiveDamaged, PartialPoll
from pipelines.load.batches import Staged
from pipelines.recoup.endpoints import Kind

# A message is read in one line; core.polls.unanswered_account_ids has all accounts.
MOST_TOLD = 3


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
    unanswered_account_count: int = 0
    unanswered_account_ids: Sequence[str] = ()
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
    suspect_account_ids: Sequence[str] = ()
    deleted_task_count: int = 0
    deletions_withheld_count: int = 0
    missing_run_count: int = 0
    hash_key_id: str | None = None
    details_call_count: int = 0
    recovered_run_count: int = 0
    recovery_note: str | None = None
    error_kind: str | None = None
    error_message: str | None = None

    def raise_partial(self) -> None:
        """Raise PartialPoll when an account did not answer; to be called after all that follows a poll."""
        if self.status == "partial":
            raise PartialPoll(self.error_message)


def poll_summary(record: PollRecord, found: Staged | None = None) -> PollSummary:
    """Return the row of a poll of which nothing is loaded, as its ledger and what staging found tell it."""
    start, end, responses = record.start, record.end, record.responses
    unanswered = _unanswered(record, found or Staged())
    accounts = {account for account, _ in unanswered}
    status, error_kind, error_message = _how_it_ended(record, unanswered)
    return PollSummary(
        poll_id=start.poll_id,
        started_at=start.started_at,
        finished_at=end.finished_at if end else None,
        status=status,
        source=start.source,
        is_full_scope=start.is_full_scope,
        account_count=max(1, len(start.account_ids)),
        unanswered_account_count=len(accounts),
        unanswered_account_ids=sorted(filter(None, accounts)),
        request_count=len(responses) + len(record.unanswered),
        http_statuses=_http_statuses(record),
        response_bytes=sum(stored.size for stored in responses),
        details_call_count=sum(stored.kind is not Kind.TASKS for stored in responses),
        recovery_note=end.recovery_note if end else None,
        error_kind=error_kind,
        error_message=error_message,
    )


def _unanswered(record: PollRecord, found: Staged) -> list[tuple[str | None, str]]:
    """Return the account and the error of each request of tasks that brought no list, in the order of the ledger."""
    failed = [(each.number, each.account_id, each.error_message) for each in record.unanswered]
    failed += [
        (stored.number, stored.account_id, str(found.unreadable[stored.number]))
        for stored in record.responses
        if stored.number in found.unreadable
    ]
    return [(account_id, message) for _, account_id, message in sorted(failed, key=lambda each: each[0])]


def _how_it_ended(
    record: PollRecord, unanswered: Sequence[tuple[str | None, str]]
) -> tuple[str, str | None, str | None]:
    end = record.end
    if end is None:
        return "failed", "Interrupted", "the poll was killed before it ended; nothing of it was loaded"
    if not end.is_ok or not unanswered:
        return "succeeded" if end.is_ok else "failed", end.error_kind, end.error_message
    accounts = len({account for account, _ in unanswered})
    told = "; ".join(message for _, message in unanswered[:MOST_TOLD])
    more = f"; and {len(unanswered) - MOST_TOLD} more" if len(unanswered) > MOST_TOLD else ""
    asked = max(1, len(record.start.account_ids))
    message = f"{accounts} of {asked} accounts did not answer, the rest is loaded: {told}{more}"
    return "partial", PartialPoll.__name__, message


def _http_statuses(record: PollRecord) -> dict[str, int]:
    statuses = [str(stored.status or "none") for stored in record.responses] + ["none"] * len(record.unanswered)
    return dict(sorted(Counter(statuses).items()))


def write_poll(con: Connection, record: PollRecord, summary: PollSummary, found: Staged) -> None:
    """Write all rows about one poll. The caller owns the transaction."""
    _replace_poll(con, summary)
    insert_rows(con, "core.responses", _response_rows(record))
    if found.rejects:
        con.execute("insert into core.quarantine by name select ? as poll_id, * from stage.rejects", [record.poll_id])
    for path, (_, json_type) in sorted(found.unknown_keys.items()):
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
            "server_at": stored.server_at,
            "tries_count": stored.tries,
            "body_bytes": stored.size,
            "body_hash": stored.body_hash,
        }
        for stored in record.responses
    ] + [
        {
            "poll_id": record.poll_id,
            "response_number": failed.number,
            "kind": failed.kind,
            "request": failed.request,
            "http_status": None,
            "requested_at": failed.given_up_at,
            "received_at": failed.given_up_at,
            "tries_count": failed.tries,
            "body_bytes": 0,
            "body_hash": "",
        }
        for failed in record.unanswered
    ]


def _replace_poll(con: Connection, summary: PollSummary) -> None:
    # The marts are older than core from here on, so what they take for now goes with the same transaction.
    con.execute("delete from core.build_context")
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


def known_polls(con: Connection) -> Known:
    """Return the polls of a database: those that were loaded, and those that the archive had lost and nobody waits for."""
    ended: dict[str, bool] = {}
    given_up = set[str]()
    query = "select poll_id, finished_at is not null, error_kind from core.polls where status <> 'running'"
    for poll_id, has_ended, error_kind in con.execute(query).fetchall():
        if error_kind == ArchiveDamaged.__name__:
            given_up.add(poll_id)
        else:
            ended[poll_id] = has_ended
    return Known(ended, frozenset(given_up))
