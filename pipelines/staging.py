"""Staging one poll: its responses, in parts of bounded size, side by side, into the typed tables of `stage`.

How one part is read belongs to batches.py, merging into core to load.py.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from pipelines.archive import Archive, Stored
from pipelines.batches import BATCH_BYTES, BatchReader, Staged, read_unchanged
from pipelines.warehouse import Connection

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
        self._reader = BatchReader(archive, scratch, {row[0] for row in live}, seed)
        self._scratch = scratch
        self.found = Staged()

    def stage(self, responses: Sequence[Stored]) -> None:
        """Stage what tasks and runs were answered. Raises BadPayload when one answer is not what the API documents."""
        answered = [stored for stored in responses if stored.status == 200]
        for are_tasks in (True, False):
            parts = list(_parts([stored for stored in answered if (stored.kind == "tasks") == are_tasks]))
            if parts:
                self._stage_side_by_side(parts)
        read_unchanged(self._con, self._scratch)

    def _stage_side_by_side(self, parts: list[list[Stored]]) -> None:
        others = [self._connect() for _ in parts[1:SIDE_BY_SIDE]]
        if others:
            # Much to load: the file was small when it was opened (warehouse.py), and will not be.
            self._con.execute("reset threads")
        idle: SimpleQueue[Connection] = SimpleQueue()
        for session in (self._con, *others):
            idle.put(session)

        def work(part: list[Stored]) -> Staged:
            session = idle.get()
            try:
                return self._reader.read(session, part)
            finally:
                idle.put(session)

        try:
            with ThreadPoolExecutor(1 + len(others)) as threads:
                for found in threads.map(work, parts):
                    self.found.add(found)
        finally:
            for session in others:
                session.close()


def _parts(responses: list[Stored]) -> Iterator[list[Stored]]:
    part: list[Stored] = []
    for stored in responses:
        part.append(stored)
        if sum(each.size for each in part) >= BATCH_BYTES:
            yield part
            part = []
    if part:
        yield part
