"""Sends what the outbox holds, at least once each: again with growing pauses until a sink took it.

Messages are written by ledger.py together with the change that they tell of, so none is lost and none is made twice.
"""

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from pipelines.clock import Clock
from pipelines.database.sql_text import statement
from pipelines.incidents.ledger import open_ledger
from pipelines.incidents.sinks import Send, SinkFailed
from pipelines.paths import PRIVATE_FILE_MODE, Layout

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
SENT_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one round did: messages that were taken, and what those that were not said."""

    sent_count: int = 0
    faults: tuple[str, ...] = ()


def deliver(layout: Layout, sinks: Mapping[str, Send], clock: Clock) -> Delivered:
    """Send what is due, oldest first. Another process that sends already is left to it.

    A sink that fails is left alone for the rest of the round, so that one that is down holds nobody up for long.
    """
    faults: dict[str, str] = {}
    sent = 0
    with _alone(layout) as is_alone, open_ledger(layout) as con:
        due = con.execute(
            statement("incidents", "due_messages"),
            {"now": clock().isoformat(), "sinks": json.dumps(list(sinks)), "most": SENT_AT_ONCE},
        ).fetchall()
        for message in due if is_alone else ():
            sink = message["sink"]
            if sink in faults:
                continue
            try:
                sinks[sink](json.loads(message["body"]))
            except SinkFailed as error:
                faults[sink] = f"{sink}: {error}"
                _note_refusal(con, message, str(error), clock)
            else:
                sent += 1
                con.execute(
                    "update messages set attempt_count = attempt_count + 1, delivered_at = ? where message_key = ?",
                    [clock().isoformat(), message["message_key"]],
                )
    return Delivered(sent, tuple(faults.values()))


def _note_refusal(con: sqlite3.Connection, message: sqlite3.Row, reason: str, clock: Clock) -> None:
    pause = min(FIRST_PAUSE * 2 ** min(message["attempt_count"], 10), LONGEST_PAUSE)
    con.execute(
        "update messages set attempt_count = attempt_count + 1, next_try_at = ?, last_error = ? where message_key = ?",
        [(clock() + pause).isoformat(), reason, message["message_key"]],
    )


@contextmanager
def _alone(layout: Layout) -> Iterator[bool]:
    layout.prepare()
    descriptor = os.open(layout.incidents / "outbox.lock", os.O_RDWR | os.O_CREAT, PRIVATE_FILE_MODE)
    try:
        yield _locks(descriptor)
    finally:
        os.close(descriptor)


def _locks(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
