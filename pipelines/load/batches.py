"""From archived bodies to typed rows: split, skip what is unchanged, gate, write NDJSON, have SQL read it.

Which responses, and on which session, belongs to stage.py. Private values live only in scratch files and in `stage`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import msgspec
import xxhash

from pipelines.archive.body_index import BodyIndex
from pipelines.archive.store import Archive, Stored
from pipelines.database.connection import Connection, roll_back
from pipelines.errors import BadSettings
from pipelines.load.sql_steps import run_flatten, set_variables
from pipelines.recoup.endpoints import Kind
from pipelines.recoup.gate import Gated, Passed, Reject, gate, split

# Large enough that planning SQL does not count, small enough that the batches in flight fit into little memory.
BATCH_BYTES = 16 * 1024 * 1024
SMALLEST_BUFFER = 1024 * 1024
# Not the fault of a small object: it must not go to quarantine for it.
NO_MEMORY = "DuckDB has no memory or disk left to load this poll; raise RECOUP_MEMORY_LIMIT or free some of the disk"
# The API's database answers at most this many rows, silently: exactly so many tasks may be a cut list.
ROW_CAP = 1000


@dataclass(slots=True)
class Staged:
    """What staging found beside the rows themselves."""

    object_count: int = 0
    rejects: list[tuple[int, Reject]] = field(default_factory=list)
    unknown_keys: dict[str, str] = field(default_factory=dict)
    full_responses: list[int] = field(default_factory=list)
    empty_responses: list[int] = field(default_factory=list)
    waiting: list["Batch"] = field(default_factory=list)

    def count(self, stored: Stored, objects: int) -> None:
        """Count the objects of an answer; an empty or a full list of tasks may not be what it looks like."""
        self.object_count += objects
        if stored.kind is Kind.TASKS and objects == ROW_CAP:
            self.full_responses.append(stored.number)
        if stored.kind is Kind.TASKS and not objects:
            self.empty_responses.append(stored.number)

    def note(self, stored: Stored, gated: Gated) -> None:
        """Note what the gate did not let pass, and what it does not know."""
        self.rejects += [(stored.number, reject) for reject in gated.rejects]
        self.unknown_keys |= gated.unknown_keys

    def add(self, other: "Staged") -> None:
        """Take in what another part found."""
        self.waiting += other.waiting
        self.object_count += other.object_count
        self.rejects += other.rejects
        self.unknown_keys |= other.unknown_keys
        self.full_responses += other.full_responses
        self.empty_responses += other.empty_responses


@dataclass(slots=True)
class Batch:
    """A scratch file of NDJSON lines, one accepted object of a kind each."""

    path: Path
    kind: Kind
    line_count: int = 0
    size: int = 0
    longest: int = 0


class LineHeader(msgspec.Struct):
    """The head of a line: which response, and which object in it."""

    n: int
    i: int


class BatchReader:
    """Reads parts of a poll into `stage`; safe to be used by several threads, each with a session of its own."""

    def __init__(self, archive: Archive, scratch: Path, index: BodyIndex, known_hashes: set[str], seed: int) -> None:
        self._archive = archive
        self._scratch = scratch
        self._index = index
        self._known = known_hashes
        self._seed = seed
        for leftover in scratch.glob("*.ndjson"):
            leftover.unlink()  # of a load that was killed

    def read(self, con: Connection, responses: Sequence[Stored], *, is_beside: bool = False) -> Staged:
        """Stage responses of one kind; only the known hashes of unchanged tasks wait for `read_unchanged`.

        What finds too little memory beside another reader is left in `waiting`, for `read_waiting`.
        """
        found = Staged()
        lines = self._lines(responses, found)
        path = self._scratch / f"batch-{responses[0].number}.ndjson"
        while batch := _write(path, responses[0].kind, lines):
            _read(con, batch, found, may_wait=is_beside)
        return found

    def _lines(self, responses: Sequence[Stored], found: Staged) -> Iterator[bytes]:
        for stored in responses:
            if stored.kind is Kind.TASKS:
                yield from self._task_lines(stored, found)
            else:
                yield from self._run_lines(stored, found)

    def _task_lines(self, stored: Stored, found: Staged) -> Iterator[bytes]:
        hashes = self._index.get(stored.body_hash)
        if hashes and self._known.issuperset(hashes):
            found.count(stored, len(hashes))
            self._see_again(stored, list(enumerate(hashes)))
            return
        raws = split(self._archive.body(stored), stored.kind, stored.request)
        found.count(stored, len(raws))
        hashes = [xxhash.xxh3_128_hexdigest(raw, seed=self._seed) for raw in raws]
        self._index.put(stored.body_hash, hashes)
        self._see_again(stored, [(index, name) for index, name in enumerate(hashes) if name in self._known])
        gated = gate([(index, raw) for index, raw in enumerate(raws) if hashes[index] not in self._known], stored.kind)
        found.note(stored, gated)
        for passed in gated.passed:
            window = b"null" if passed.window_count is None else b"%d" % passed.window_count
            head = b'%b,"w":%b,"h":"%b","t":' % (_head(stored, passed.index), window, hashes[passed.index].encode())
            yield head + _one_line(passed) + b"}\n"

    def _see_again(self, stored: Stored, again: Sequence[tuple[int, str]]) -> None:
        if again:
            lines = [b'%b,"h":"%b"}\n' % (_head(stored, index), name.encode()) for index, name in again]
            (self._scratch / f"unchanged-{stored.number}.ndjson").write_bytes(b"".join(lines))

    def _run_lines(self, stored: Stored, found: Staged) -> Iterator[bytes]:
        raws = split(self._archive.body(stored), stored.kind, stored.request)
        found.count(stored, len(raws))
        gated = gate(list(enumerate(raws)), stored.kind)
        found.note(stored, gated)
        for passed in gated.passed:
            head = b'%b,"k":"%b","r":' % (_head(stored, passed.index), stored.kind.encode())
            yield head + _one_line(passed) + b"}\n"


def read_waiting(con: Connection, found: Staged) -> None:
    """Read what had to wait, with all memory."""
    while found.waiting:
        _read(con, found.waiting.pop(), found, may_wait=False)


def read_unchanged(con: Connection, scratch: Path) -> None:
    """Note the tasks whose hashes are known as seen again, from all files at once."""
    files = sorted(scratch.glob("unchanged-*.ndjson"))
    if not files:
        return
    set_variables(con, stage_file=scratch / "unchanged-*.ndjson")
    run_flatten(con, "06_read_unchanged")
    for file in files:
        file.unlink()


def _read(con: Connection, batch: Batch, found: Staged, *, may_wait: bool) -> None:
    try:
        _read_lines(con, batch)
    except (duckdb.DataError, duckdb.InvalidInputException, duckdb.OutOfMemoryException) as error:
        if may_wait and isinstance(error, duckdb.OutOfMemoryException):
            path = batch.path.with_name(f"waiting-{len(found.waiting)}-{batch.path.name}")
            found.waiting.append(replace(batch, path=batch.path.rename(path)))
        else:
            _read_apart(con, batch, found, error, may_wait=may_wait)
    finally:
        batch.path.unlink(missing_ok=True)


def _read_apart(con: Connection, batch: Batch, found: Staged, error: duckdb.Error, *, may_wait: bool) -> None:
    """Find the few lines that cannot be read by halving, so that each costs itself alone."""
    lines = batch.path.read_bytes().splitlines(keepends=True)
    if len(lines) > 1:
        for half in (lines[: len(lines) // 2], lines[len(lines) // 2 :]):
            part = _write(batch.path, batch.kind, iter(half))
            if part:
                _read(con, part, found, may_wait=may_wait)
    elif isinstance(error, duckdb.OutOfMemoryException) and batch.size < SMALLEST_BUFFER:
        raise BadSettings(NO_MEMORY) from error
    else:
        found.rejects.append(_reject(lines[0], batch.kind, error))


def _read_lines(con: Connection, batch: Batch) -> None:
    largest = max(SMALLEST_BUFFER, batch.longest + 1)
    set_variables(con, stage_file=batch.path, largest_line=largest)
    con.execute("begin")
    try:
        run_flatten(con, "02_read_tasks" if batch.kind is Kind.TASKS else "03_read_runs")
        run_flatten(con, "04_stage_runs")
        if con.execute("select 1 from run_batch where len(r.attempts) > 0 limit 1").fetchone():
            run_flatten(con, "05_stage_attempts")
        con.execute("commit")
    except duckdb.Error:
        roll_back(con)
        raise


def _reject(line: bytes, kind: Kind, error: duckdb.Error) -> tuple[int, Reject]:
    header = msgspec.json.decode(line, type=LineHeader)
    reason = f"accepted by the contract, but not readable as typed columns ({type(error).__name__})"
    if isinstance(error, duckdb.OutOfMemoryException):
        reason = "too large to be read within RECOUP_MEMORY_LIMIT; raise it, then run `recoup-warehouse rebuild`"
    return header.n, Reject(f"{kind.listed}[{header.i}]", kind.level, None, None, reason, f'"{len(line)} bytes"')


def _write(path: Path, kind: Kind, lines: Iterator[bytes]) -> Batch | None:
    """Write lines until the batch is full; None when there are none left."""
    batch = Batch(path, kind)
    with path.open("wb") as file:
        for line in lines:
            file.write(line)
            batch.line_count += 1
            batch.size += len(line)
            batch.longest = max(batch.longest, len(line))
            if batch.size >= BATCH_BYTES:
                break
    if batch.line_count:
        return batch
    path.unlink()
    return None


def _head(stored: Stored, index: int) -> bytes:
    return b'{"n":%d,"i":%d,"o":"%b"' % (stored.number, index, stored.requested_at.isoformat().encode())


def _one_line(passed: Passed) -> bytes:
    # A raw line break in JSON can only stand between tokens; NDJSON wants one object per line.
    raw = passed.raw
    return raw.replace(b"\n", b" ").replace(b"\r", b" ") if b"\n" in raw or b"\r" in raw else raw
