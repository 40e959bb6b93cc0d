"""Staging one poll: its responses, in batches of bounded size, side by side, into the typed tables of `stage`.

How a batch is read belongs to batches.py, merging into core to session.py.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from threading import Lock

from pipelines.archive.body_index import BodyIndex
from pipelines.archive.poll_record import Stored
from pipelines.archive.store import Archive
from pipelines.database.connection import Connection
from pipelines.load.apart import BatchTaker
from pipelines.load.batches import BATCH_BYTES, BatchReader, Staged, read_unchanged
from pipelines.load.memory import LoadMemory
from pipelines.recoup.endpoints import Kind

# One gates in Python while the other's SQL is read by DuckDB: most statements of a batch keep one core busy.
SIDE_BY_SIDE = 2


class Stager:
    """Stages responses.

    `connect` opens another session like `con`: variables and temporary tables belong to a session.
    """

    def __init__(
        self, con: Connection, connect: Callable[[], Connection], archive: Archive, scratch: Path, seed: int
    ) -> None:
        self._con = con
        self._connect = connect
        live = con.execute("select source_hash from core.tasks where deleted_at is null").fetchall()
        self._scratch = scratch
        self._index = BodyIndex(scratch / "bodies.msgpack", seed)
        self._reader = BatchReader(archive, scratch, self._index, {row[0] for row in live}, seed)
        self.memory = LoadMemory(con)
        self.found = Staged()

    def stage(self, responses: Iterable[Stored]) -> None:
        """Stage what tasks and runs were answered; a list of tasks that cannot be read is noted in `found`.

        Raises BadPayload when an answer about runs is not what the API documents.
        """
        runs: list[Stored] = []
        self._stage(_tasks(responses, runs))
        self._stage(runs)
        read_unchanged(self._con, self._scratch)
        self._index.save()

    def _stage(self, responses: Iterable[Stored]) -> None:
        responses = iter(responses)
        first, is_all = _first(responses)
        if is_all:
            self.found.add(self._read(self._con, first, may_wait=False))
        else:
            self._stage_side_by_side(chain(first, responses))
        if self.found.waiting:
            self.memory.give_back()
            self._read_waiting()
            self.memory.spare()

    def _read(self, con: Connection, responses: Iterable[Stored], *, may_wait: bool) -> Staged:
        found = Staged()
        taker = BatchTaker(con, found, may_wait)
        for batch in self._reader.batches(responses, found):
            taker.take(batch)
        return found

    def _read_waiting(self) -> None:
        """Read what found too little memory beside another reader, with all of it."""
        waiting, self.found.waiting = self.found.waiting, []
        for batch in waiting:
            BatchTaker(self._con, self.found, may_wait=False).take(batch)

    def _stage_side_by_side(self, responses: Iterator[Stored]) -> None:
        """Let each session take answer after answer, so that what few of them changed is read as one batch."""
        sessions = [self._con, *(self._connect() for _ in range(SIDE_BY_SIDE - 1))]
        # These threads are the parallelism: DuckDB's own beside them only get into each other's way.
        self._con.execute("set threads = 1")
        self.memory.spare()
        shared = _Shared(responses)
        try:
            with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
                for found in threads.map(lambda session: self._read(session, shared, may_wait=True), sessions):
                    self.found.add(found)
        finally:
            for session in sessions[1:]:
                session.close()
            # Much to merge: the file was small when it was opened (database/connection.py), and will not be.
            self._con.execute("reset threads")


def _tasks(responses: Iterable[Stored], runs: list[Stored]) -> Iterator[Stored]:
    """Yield the answers that hold tasks; those that hold runs are read after them, as a run needs its task."""
    for stored in responses:
        if stored.status == 200 and stored.kind is Kind.TASKS:
            yield stored
        elif stored.status == 200:
            runs.append(stored)


def _first(responses: Iterator[Stored]) -> tuple[list[Stored], bool]:
    """Take answers of BATCH_BYTES and one more; say whether there were no more than those bytes."""
    first, size = list[Stored](), 0
    while stored := next(responses, None):
        first.append(stored)
        if size >= BATCH_BYTES:
            return first, False
        size += stored.size
    return first, True


class _Shared:
    """Answers that several threads take from, each another one."""

    def __init__(self, responses: Iterator[Stored]) -> None:
        self._responses = responses
        self._lock = Lock()

    def __iter__(self) -> Iterator[Stored]:
        while stored := self._next():
            yield stored

    def _next(self) -> Stored | None:
        with self._lock:
            return next(self._responses, None)
