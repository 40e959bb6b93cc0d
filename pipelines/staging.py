"""From archived bodies to typed rows in the `stage` database: split, skip what is unchanged, gate, read by SQL.

Merging into core belongs to load.py. Private values live only in scratch files and in `stage`, never in the work file.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import xxhash

from pipelines.archive import Archive, Stored
from pipelines.recoup.gate import Gated, Passed, Reject, gate, split
from pipelines.sqlfiles import run_flatten
from pipelines.warehouse import insert_rows

BATCH_BYTES = 48 * 1024 * 1024
SMALLEST_BUFFER = 1024 * 1024
Line = tuple[int, int, bytes]  # response number, position in it, the NDJSON line


@dataclass(slots=True)
class Staged:
    """What staging found beside the rows themselves."""

    object_count: int = 0
    run_count: int = 0
    rejects: list[tuple[int, Reject]] = field(default_factory=list)
    unknown_keys: dict[str, str] = field(default_factory=dict)
    full_responses: list[int] = field(default_factory=list)
    empty_responses: list[int] = field(default_factory=list)


# The API's database answers at most this many rows, silently: exactly so many tasks may be a cut list.
ROW_CAP = 1000


class Stager:
    """Stages the responses of one poll, in committed batches of bounded size."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        archive: Archive,
        scratch: Path,
        known_hashes: set[str],
        seed: int,
    ) -> None:
        self._con = con
        self._archive = archive
        self._file = scratch / "batch.ndjson"
        self._known = known_hashes
        self._seed = seed
        self.found = Staged()

    def stage(self, responses: Sequence[Stored]) -> None:
        """Stage responses of `/api/tasks` or of `/api/tasks/runs` (not mixed)."""
        self._announce(responses)
        for kind in ("tasks", "runs"):
            chosen = [stored for stored in responses if (stored.kind == "tasks") == (kind == "tasks")]
            for batch in _batches(self._lines(chosen, kind)):
                self._read(batch, kind)

    def _announce(self, responses: Sequence[Stored]) -> None:
        self._con.execute(
            "create or replace temp table stage_responses (response_number integer, observed_at timestamptz)"
        )
        seen = [{"response_number": stored.number, "observed_at": stored.requested_at} for stored in responses]
        insert_rows(self._con, "stage_responses", seen)

    def _lines(self, responses: Iterable[Stored], kind: str) -> Iterator[Line]:
        for stored in responses:
            if stored.status != 200:
                continue
            raws = split(self._archive.body(stored), kind, stored.request)
            self.found.object_count += len(raws)
            if kind == "tasks":
                (self.found.full_responses if len(raws) == ROW_CAP else []).append(stored.number)
                (self.found.empty_responses if not raws else []).append(stored.number)
                yield from self._task_lines(stored, raws)
            else:
                yield from self._run_lines(stored, raws)

    def _task_lines(self, stored: Stored, raws: list[bytes]) -> Iterator[Line]:
        hashes = [xxhash.xxh3_128_hexdigest(raw, seed=self._seed) for raw in raws]
        unchanged = [
            {"response_number": stored.number, "position": index, "task_hash": name, "observed_at": stored.requested_at}
            for index, name in enumerate(hashes)
            if name in self._known
        ]
        insert_rows(self._con, "stage.unchanged", unchanged)
        gated = gate([(i, raw) for i, raw in enumerate(raws) if hashes[i] not in self._known], "tasks")
        self._note(stored, gated)
        for passed in gated.passed:
            window = b"null" if passed.window_count is None else b"%d" % passed.window_count
            head = b'{"n":%d,"i":%d,"w":%b,"h":"%b","t":' % (
                stored.number,
                passed.index,
                window,
                hashes[passed.index].encode(),
            )
            yield stored.number, passed.index, head + _one_line(passed) + b"}\n"

    def _run_lines(self, stored: Stored, raws: list[bytes]) -> Iterator[Line]:
        gated = gate(list(enumerate(raws)), "runs")
        self._note(stored, gated)
        for passed in gated.passed:
            head = b'{"n":%d,"i":%d,"k":"%b","r":' % (stored.number, passed.index, stored.kind.encode())
            yield stored.number, passed.index, head + _one_line(passed) + b"}\n"

    def _note(self, stored: Stored, gated: Gated) -> None:
        self.found.rejects.extend((stored.number, reject) for reject in gated.rejects)
        self.found.unknown_keys.update(gated.unknown_keys)

    def _read(self, batch: list[Line], kind: str) -> None:
        try:
            self._read_lines(batch, kind)
        except (duckdb.DataError, duckdb.InvalidInputException) as error:
            if len(batch) == 1:
                number, index, line = batch[0]
                reason = f"accepted by the contract, but not readable as typed columns ({type(error).__name__})"
                path = f"{kind}[{index}]"
                level = "task" if kind == "tasks" else "run"
                self.found.rejects.append((number, Reject(path, level, None, None, reason, f'"{len(line)} bytes"')))
                return
            # Halving finds the few lines that cannot be read, so that each costs itself alone.
            middle = len(batch) // 2
            self._read(batch[:middle], kind)
            self._read(batch[middle:], kind)

    def _read_lines(self, batch: list[Line], kind: str) -> None:
        self._file.write_bytes(b"".join(line for _, _, line in batch))
        self._con.execute("set variable stage_file = ?", [str(self._file)])
        largest = max(len(line) for _, _, line in batch)
        self._con.execute("set variable largest_line = ?", [max(SMALLEST_BUFFER, largest + 1)])
        self._con.execute("begin")
        try:
            run_flatten(self._con, "02_read_tasks" if kind == "tasks" else "03_read_runs")
            run_flatten(self._con, "04_stage_runs")
            self._con.execute("commit")
        except duckdb.Error:
            self._con.execute("rollback")
            raise
        finally:
            self._file.unlink(missing_ok=True)


def _one_line(passed: Passed) -> bytes:
    # A raw line break in JSON can only stand between tokens; NDJSON wants one object per line.
    raw = passed.raw
    return raw.replace(b"\n", b" ").replace(b"\r", b" ") if b"\n" in raw or b"\r" in raw else raw


def _batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    size = 0
    for line in lines:
        batch.append(line)
        size += len(line[2])
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
