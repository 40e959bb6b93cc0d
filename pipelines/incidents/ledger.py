"""The ledger: which incidents are open, what was told about them, and what checks found. One transaction per look.

What is measured belongs to observe.py, what a message says to messages.py, sending it to outbox.py.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime
from typing import Any

from pipelines.console.log import warn
from pipelines.database.sql_text import statement
from pipelines.incidents.limits import Limits
from pipelines.incidents.messages import body_of, body_of_digest
from pipelines.incidents.observe import Observation
from pipelines.paths import PRIVATE_FILE_MODE, Layout
from pipelines.publish.snapshots import current_number
from pipelines.transform.checks import CheckResult

LOCK_WAIT_SECONDS = 30
LOST = "the ledger of incidents is gone: a new one begins, and what is wrong is told again; put {} back from a backup"


@contextmanager
def open_ledger(layout: Layout) -> Iterator[sqlite3.Connection]:
    """Open the ledger, made where it is missing. Raises sqlite3.Error when it cannot be opened."""
    path = layout.incident_ledger
    layout.prepare()
    if is_lost(layout):
        warn("incidents", LOST.format(path))
    with closing(sqlite3.connect(path, timeout=LOCK_WAIT_SECONDS, isolation_level=None)) as con:
        path.chmod(PRIVATE_FILE_MODE)
        con.row_factory = sqlite3.Row
        con.executescript(statement("incidents", "ledger"))
        _add_what_older_ledgers_lack(con)
        yield con


def is_lost(layout: Layout) -> bool:
    """Tell whether there is no ledger though copies were published before: the first publish begins one."""
    path = layout.incident_ledger
    is_there = path.exists() and path.stat().st_size > 0
    return not is_there and (current_number(layout) or 0) > 1


def _add_what_older_ledgers_lack(con: sqlite3.Connection) -> None:
    """The ledger cannot be made again from the archive, so it is changed where it lies."""
    if "snapshot_number" not in {row["name"] for row in con.execute("pragma table_info(check_results)")}:
        con.execute("alter table check_results add column snapshot_number integer")


@contextmanager
def transaction(con: sqlite3.Connection) -> Iterator[None]:
    """Write all of the block or nothing; other writers wait."""
    con.execute("begin immediate")
    try:
        yield
    except BaseException:
        con.execute("rollback")
        raise
    con.execute("commit")


def open_subjects(con: sqlite3.Connection) -> dict[str, list[str]]:
    """List the subjects of open incidents, by kind."""
    found: dict[str, list[str]] = {}
    for kind, subject in con.execute("select kind, subject from incidents where closed_at is null"):
        found.setdefault(kind, []).append(subject)
    return found


def record(
    con: sqlite3.Connection,
    observations: Iterable[Observation],
    *,
    kinds: Sequence[str],
    limits: Limits,
    sinks: Sequence[str],
    now: datetime,
) -> None:
    """Open, carry on and close incidents by what was observed of `kinds`, with a message per sink for each change.

    What was not observed at all, or could not be told, closes nothing. A sink that is new is told of what is open.
    """
    held: dict[tuple[str, str], float] = {}
    unseen = {(row["kind"], row["subject"]): row for row in _open(con) if row["kind"] in kinds}
    for seen in observations:
        known = unseen.pop((seen.kind, seen.subject), None)
        limit = limits.of(seen.kind, seen.subject, seen.task_id)
        if limit is None:
            if known is not None:
                _close(con, known, "this kind was switched off for it", seen.completeness, sinks, now)
        elif seen.measure is None:
            if known is not None:
                _doubt(con, known)
        elif seen.measure >= limit:
            held[seen.kind, seen.subject] = limit
            _carry_on(con, known, seen, now) if known is not None else _open_new(con, seen, now)
        elif known is not None:
            _close(con, known, seen.cause, seen.completeness, sinks, now)
    for known in unseen.values():
        _doubt(con, known)
    _tell_of_open(con, kinds, held, sinks, now)


def keep_checks(
    con: sqlite3.Connection, checks: Sequence[CheckResult], now: datetime, snapshot_number: int | None = None
) -> None:
    """Keep what each check found, and of which published snapshot; None when nothing was published."""
    con.executemany(
        "insert or replace into check_results "
        "(checked_at, relation, name, severity, failing_count, snapshot_number) values (?, ?, ?, ?, ?, ?)",
        [(now.isoformat(), ".".join(c.asset), c.name, c.severity, c.failing_count, snapshot_number) for c in checks],
    )


def announce_digest(con: sqlite3.Connection, day: date, text: str, sinks: Sequence[str], now: datetime) -> None:
    """Put the digest of a day into the outbox, once for each sink however often it is asked for."""
    for sink in sinks:
        key = f"digest-{day}-{sink}"
        con.execute(
            "insert or ignore into messages (message_key, incident_id, event, sink, body, created_at, next_try_at) "
            "values (?, '', 'digest', ?, ?, ?, ?)",
            [key, sink, body_of_digest(day, text, key), now.isoformat(), now.isoformat()],
        )


def _open(con: sqlite3.Connection) -> list[sqlite3.Row]:
    query = "select * from incidents where closed_at is null order by opened_at, kind, subject"
    return con.execute(query).fetchall()


def _open_new(con: sqlite3.Connection, seen: Observation, now: datetime) -> None:
    at = now.isoformat()
    key = hashlib.sha256(f"{seen.kind}\x1f{seen.subject}\x1f{at}".encode()).hexdigest()[:16]
    con.execute(
        "insert into incidents values (?, ?, ?, ?, 'open', ?, ?, null, ?, ?, ?, 1, ?, ?)",
        [key, seen.kind, seen.subject, seen.title, at, at, seen.cause, seen.measure, seen.measure]
        + [seen.completeness, seen.rows_query],
    )


def _carry_on(con: sqlite3.Connection, known: sqlite3.Row, seen: Observation, now: datetime) -> None:
    con.execute(
        "update incidents set state = 'open', last_seen_at = ?, title = ?, cause = ?, measure = ?, "
        "most_measured = max(most_measured, ?), seen_count = seen_count + 1, completeness = ?, rows_query = ? "
        "where incident_id = ?",
        [now.isoformat(), seen.title, seen.cause, seen.measure, seen.measure, seen.completeness, seen.rows_query]
        + [known["incident_id"]],
    )


def _doubt(con: sqlite3.Connection, known: sqlite3.Row) -> None:
    con.execute("update incidents set state = 'cannot_tell' where incident_id = ?", [known["incident_id"]])


def _close(
    con: sqlite3.Connection, known: sqlite3.Row, cause: str, completeness: str, sinks: Sequence[str], now: datetime
) -> None:
    con.execute(
        "update incidents set state = 'recovered', closed_at = ?, cause = ?, completeness = ? where incident_id = ?",
        [now.isoformat(), cause, completeness, known["incident_id"]],
    )
    told = con.execute("select * from incidents where incident_id = ?", [known["incident_id"]]).fetchone()
    for sink in sinks:
        if _was_told(con, known["incident_id"], sink):
            _announce(con, told, "closed", sink, now)


def _tell_of_open(
    con: sqlite3.Connection,
    kinds: Sequence[str],
    limits: Mapping[tuple[str, str], float],
    sinks: Sequence[str],
    now: datetime,
) -> None:
    for row in _open(con):
        for sink in sinks:
            if row["kind"] in kinds and not _was_told(con, row["incident_id"], sink):
                _announce(con, row, "opened", sink, now, limits.get((row["kind"], row["subject"])))


def _was_told(con: sqlite3.Connection, incident_id: str, sink: str) -> bool:
    query = "select 1 from messages where incident_id = ? and event = 'opened' and sink = ?"
    return con.execute(query, [incident_id, sink]).fetchone() is not None


def _announce(
    con: sqlite3.Connection,
    incident: sqlite3.Row,
    event: str,
    sink: str,
    now: datetime,
    limit: float | None = None,
) -> None:
    at, key = now.isoformat(), f"{incident['incident_id']}-{event}-{sink}"
    con.execute(
        "insert into messages (message_key, incident_id, event, sink, body, created_at, next_try_at) "
        "values (?, ?, ?, ?, ?, ?, ?)",
        [key, incident["incident_id"], event, sink, body_of(dict(incident), event, key, limit), at, at],
    )


def newest(layout: Layout, *, are_open_only: bool, count: int = 50) -> list[dict[str, Any]]:
    """List incidents, newest first; nothing is made where there is no ledger yet."""
    if not layout.incident_ledger.exists():
        return []
    condition = "where closed_at is null" if are_open_only else ""
    query = f"select * from incidents {condition} order by opened_at desc, kind, subject limit ?"  # noqa: S608 - own text
    with open_ledger(layout) as con:
        return [dict(row) for row in con.execute(query, [count])]


def undelivered(layout: Layout) -> dict[str, int]:
    """Count the messages that a sink has refused and not taken yet, by sink."""
    if not layout.incident_ledger.exists():
        return {}
    query = "select sink, count(*) from messages where delivered_at is null and attempt_count > 0 group by sink"
    with open_ledger(layout) as con:
        return {sink: int(number) for sink, number in con.execute(query)}
