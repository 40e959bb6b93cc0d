"""From archived bodies to typed rows: split, skip what is unchanged, gate, write NDJSON, have SQL read it.

Which responses, and on which session, belongs to staging.py. Private values live only in scratch files and in `stage`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import msgspec
import xxhash

from pipelines.archive import Archive, Stored
from pipelines.errors import BadSettings
from pipelines.recoup.gate import Gated, Passed, Reject, gate, split
from pipelines.sqlfiles import run_flatten
from pipelines.warehouse import Connection

# Large enough that planning SQL does not count, small enough that the batches in flight fit into little memory.
BATCH_BYTES = 32 * 1024 * 1024
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

    def add(self, other: "Staged") -> None:
        """Take in what another part found."""
        self.object_count += other.object_count
        self.rejects += other.rejects
        self.unknown_keys |= other.unknown_keys
        self.full_responses += other.full_responses
        self.empty_responses += other.empty_responses


@dataclass(slots=True)
class Batch:
    """A scratch file of NDJSON lines, one accepted object each."""

    path: Path
    line_count: int = 0
    size: int = 0
    longest: int = 0


class Place(msgspec.Struct):
    """The head of a line: which response, and which object in it."""

    n: int
    i: int


class BatchReader:
    """Reads parts of a poll into `stage`; safe to be used by several threads, each with a session of its own."""

    def __init__(self, archive: Archive, scratch: Path, known_hashes: set[str], seed: int) -> None:
        self._archive = archive
        self._scratch = scratch
        self._known = known_hashes
        self._seed = seed
        for leftover in scratch.glob("*.ndjson"):
            leftover.unlink()  # of a load that was killed

    def read(self, con: Connection, responses: Sequence[Stored]) -> Staged:
        """Stage responses of one kind; only the known hashes of unchanged tasks wait for `read_unchanged`."""
        found = Staged()
        lines = self._lines(responses, found)
        steps = ("02_read_tasks" if responses[0].kind == "tasks" else "03_read_runs", "04_stage_runs")
        while batch := _write(self._scratch / f"batch-{responses[0].number}.ndjson", lines):
            _read(con, batch, steps, found)
        return found

    def _lines(self, responses: Sequence[Stored], found: Staged) -> Iterator[bytes]:
        for stored in responses:
            are_tasks = stored.kind == "tasks"
            raws = split(self._archive.body(stored), "tasks" if are_tasks else "runs", stored.request)
            found.object_count += len(raws)
            if are_tasks and len(raws) == ROW_CAP:
                found.full_responses.append(stored.number)
            if are_tasks and not raws:
                found.empty_responses.append(stored.number)
            yield from self._task_lines(stored, raws, found) if are_tasks else _run_lines(stored, raws, found)

    def _task_lines(self, stored: Stored, raws: list[bytes], found: Staged) -> Iterator[bytes]:
        hashes = [xxhash.xxh3_128_hexdigest(raw, seed=self._seed) for raw in raws]
        again = [(index, name) for index, name in enumerate(hashes) if name in self._known]
        if again:
            lines = [b'%b,"h":"%b"}\n' % (_head(stored, index), name.encode()) for index, name in again]
            (self._scratch / f"unchanged-{stored.number}.ndjson").write_bytes(b"".join(lines))
        gated = gate([(index, raw) for index, raw in enumerate(raws) if hashes[index] not in self._known], "tasks")
        _note(stored, gated, found)
        for passed in gated.passed:
            window = b"null" if passed.window_count is None else b"%d" % passed.window_count
            head = b'%b,"w":%b,"h":"%b","t":' % (_head(stored, passed.index), window, hashes[passed.index].encode())
            yield head + _one_line(passed) + b"}\n"


def read_unchanged(con: Connection, scratch: Path) -> None:
    """Note the tasks whose hashes are known as seen again, from all files at once."""
    files = sorted(scratch.glob("unchanged-*.ndjson"))
    if not files:
        return
    con.execute(f"set variable stage_file = '{_quoted(scratch / 'unchanged-*.ndjson')}'")
    run_flatten(con, "06_read_unchanged")
    for file in files:
        file.unlink()


def _run_lines(stored: Stored, raws: list[bytes], found: Staged) -> Iterator[bytes]:
    gated = gate(list(enumerate(raws)), "runs")
    _note(stored, gated, found)
    for passed in gated.passed:
        head = b'%b,"k":"%b","r":' % (_head(stored, passed.index), stored.kind.encode())
        yield head + _one_line(passed) + b"}\n"


def _note(stored: Stored, gated: Gated, found: Staged) -> None:
    found.rejects += [(stored.number, reject) for reject in gated.rejects]
    found.unknown_keys |= gated.unknown_keys


def _read(con: Connection, batch: Batch, steps: Sequence[str], found: Staged) -> None:
    try:
        _read_lines(con, batch, steps)
    except (duckdb.DataError, duckdb.InvalidInputException, duckdb.OutOfMemoryException) as error:
        lines = batch.path.read_bytes().splitlines(keepends=True)
        if len(lines) == 1:
            if isinstance(error, duckdb.OutOfMemoryException) and batch.size < SMALLEST_BUFFER:
                raise BadSettings(NO_MEMORY) from error
            found.rejects.append(_reject(lines[0], steps[0], error))
            return
        # Halving finds the few lines that cannot be read, so that each costs itself alone.
        for half in (lines[: len(lines) // 2], lines[len(lines) // 2 :]):
            part = _write(batch.path, iter(half))
            if part:
                _read(con, part, steps, found)
    finally:
        batch.path.unlink(missing_ok=True)


def _read_lines(con: Connection, batch: Batch, steps: Sequence[str]) -> None:
    largest = max(SMALLEST_BUFFER, batch.longest + 1)
    con.execute(f"set variable stage_file = '{_quoted(batch.path)}'; set variable largest_line = {largest}; begin")
    try:
        for step in steps:
            run_flatten(con, step)
        if con.execute("select 1 from run_batch where len(r.attempts) > 0 limit 1").fetchone():
            run_flatten(con, "05_stage_attempts")
        con.execute("commit")
    except duckdb.Error:
        con.execute("rollback")
        raise


def _reject(line: bytes, step: str, error: duckdb.Error) -> tuple[int, Reject]:
    kind, level = ("tasks", "task") if step == "02_read_tasks" else ("runs", "run")
    place = msgspec.json.decode(line, type=Place)
    reason = f"accepted by the contract, but not readable as typed columns ({type(error).__name__})"
    if isinstance(error, duckdb.OutOfMemoryException):
        reason = "too large to be read within RECOUP_MEMORY_LIMIT; raise it, then run `recoup-warehouse rebuild`"
    return place.n, Reject(f"{kind}[{place.i}]", level, None, None, reason, f'"{len(line)} bytes"')


def _write(path: Path, lines: Iterator[bytes]) -> Batch | None:
    """Write lines until the batch is full; None when there are none left."""
    batch = Batch(path)
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


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
