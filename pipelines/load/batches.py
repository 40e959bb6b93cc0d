"""From archived bodies to typed rows: split, skip what is unchanged, gate, write NDJSON, have SQL read it.

Which responses, and on which session, belongs to stage.py; what cannot be read at once, to apart.py. Private values
live only in scratch files and in `stage`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import duckdb
import xxhash

from pipelines.archive.body_index import BodyIndex
from pipelines.archive.poll_record import Stored
from pipelines.archive.store import Archive
from pipelines.database.connection import Connection, roll_back
from pipelines.errors import BadPayload
from pipelines.load.lines import Line, head_of
from pipelines.load.sql_steps import run_flatten, set_variables
from pipelines.recoup.careful import Reject
from pipelines.recoup.endpoints import Kind
from pipelines.recoup.envelope import split
from pipelines.recoup.gate import Gated, gate

# Large enough that planning SQL does not count, small enough that the batches in flight fit into little memory.
BATCH_BYTES = 16 * 1024 * 1024
SMALLEST_BUFFER = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TaskAnswer:
    """A list of tasks that could be read: whose (None: the key's own account, or a file), and how many objects."""

    number: int
    account_id: str | None
    object_count: int


@dataclass(slots=True)
class Staged:
    """What staging found beside the rows themselves."""

    object_count: int = 0
    rejects: list[tuple[int, Reject]] = field(default_factory=list)
    # By path: the first response with the key, and the type that it has there.
    unknown_keys: dict[str, tuple[int, str]] = field(default_factory=dict)
    answers: list[TaskAnswer] = field(default_factory=list)
    unreadable: dict[int, BadPayload] = field(default_factory=dict)
    waiting: list["Batch"] = field(default_factory=list)

    def count(self, stored: Stored, objects: int) -> None:
        """Count the objects of an answer; an empty or a full list of tasks may not be what it looks like."""
        self.object_count += objects
        if stored.kind is Kind.TASKS:
            self.answers.append(TaskAnswer(stored.number, stored.account_id, objects))

    def note(self, number: int, gated: Gated) -> None:
        """Note what the gate did not let pass, and what it does not know."""
        self.rejects += [(number, reject) for reject in gated.rejects]
        self._know({path: (number, json_type) for path, json_type in gated.unknown_keys.items()})

    def add(self, other: "Staged") -> None:
        """Take in what another reader found."""
        self.waiting += other.waiting
        self.object_count += other.object_count
        self.rejects = sorted(self.rejects + other.rejects, key=lambda each: each[0])
        self._know(other.unknown_keys)
        self.answers = sorted(self.answers + other.answers, key=lambda each: each.number)
        self.unreadable |= other.unreadable

    def _know(self, unknown_keys: Mapping[str, tuple[int, str]]) -> None:
        for path, told in unknown_keys.items():
            if path not in self.unknown_keys or told[0] < self.unknown_keys[path][0]:
                self.unknown_keys[path] = told


@dataclass(slots=True)
class Batch:
    """A scratch file of NDJSON lines, one object of a kind each; `is_careful` when each was read field by field."""

    path: Path
    kind: Kind
    is_careful: bool = False
    line_count: int = 0
    size: int = 0
    longest: int = 0


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

    def batches(self, responses: Iterable[Stored], found: Staged) -> Iterator[Batch]:
        """Write the objects of responses of one kind into batches; an unchanged task waits for `read_unchanged`."""
        responses = iter(responses)
        if (first := next(responses, None)) is None:
            return
        path = self._scratch / f"batch-{first.number}.ndjson"
        lines = self._lines(chain([first], responses), found)
        while batch := write_batch(Batch(path, first.kind), lines):
            yield batch

    def _lines(self, responses: Iterable[Stored], found: Staged) -> Iterator[bytes]:
        for stored in responses:
            try:
                yield from (
                    self._task_lines(stored, found) if stored.kind is Kind.TASKS else self._run_lines(stored, found)
                )
            except BadPayload as error:
                found.unreadable[stored.number] = error

    def _task_lines(self, stored: Stored, found: Staged) -> Iterator[bytes]:
        hashes = self._index.get(stored.body_hash)
        if hashes and self._known.issuperset(hashes):
            found.count(stored, len(hashes))
            self._see_again(stored, list(enumerate(hashes)))
            return
        raws = split(self._archive.body(stored), stored.kind, f"GET {stored.request}")
        found.count(stored, len(raws))
        hashes = [xxhash.xxh3_128_hexdigest(raw, seed=self._seed) for raw in raws]
        self._index.put(stored.body_hash, hashes)
        self._see_again(stored, [(index, name) for index, name in enumerate(hashes) if name in self._known])
        fresh = [(index, raw) for index, raw in enumerate(raws) if hashes[index] not in self._known]
        gated = gate(fresh, stored.kind, stored.received_at)
        found.note(stored.number, gated)
        for passed in gated.passed:
            yield Line.new(stored, passed, hashes[passed.index]).written()

    def _see_again(self, stored: Stored, again: Sequence[tuple[int, str]]) -> None:
        if again:
            asked_at = stored.observed_at.isoformat()
            lines = [
                b'%b,"h":"%b"}\n' % (head_of(stored.number, index, asked_at), name.encode()) for index, name in again
            ]
            (self._scratch / f"unchanged-{stored.number}.ndjson").write_bytes(b"".join(lines))

    def _run_lines(self, stored: Stored, found: Staged) -> Iterator[bytes]:
        raws = split(self._archive.body(stored), stored.kind, f"GET {stored.request}")
        found.count(stored, len(raws))
        gated = gate(list(enumerate(raws)), stored.kind, stored.received_at)
        found.note(stored.number, gated)
        for passed in gated.passed:
            yield Line.new(stored, passed).written()


def read_unchanged(con: Connection, scratch: Path) -> None:
    """Note the tasks whose hashes are known as seen again, from all files at once."""
    files = sorted(scratch.glob("unchanged-*.ndjson"))
    if not files:
        return
    set_variables(con, stage_file=scratch / "unchanged-*.ndjson")
    run_flatten(con, "06_read_unchanged")
    for file in files:
        file.unlink()


def read_lines(con: Connection, batch: Batch, *, is_trial: bool = False) -> None:
    """Have SQL read a batch, in a transaction of its own, which a trial takes back.

    Raises DuckDB's error with nothing of it read.
    """
    set_variables(con, stage_file=batch.path, largest_line=max(SMALLEST_BUFFER, batch.longest + 1))
    con.execute("begin")
    try:
        run_flatten(con, "02_read_tasks" if batch.kind is Kind.TASKS else "03_read_runs")
        run_flatten(con, "04_stage_runs")
        if con.execute("select 1 from run_batch where len(r.attempts) > 0 limit 1").fetchone():
            run_flatten(con, "05_stage_attempts")
        con.execute("rollback" if is_trial else "commit")
    except duckdb.Error:
        roll_back(con)
        raise


def write_batch(batch: Batch, lines: Iterable[bytes]) -> Batch | None:
    """Write lines until the batch is full; None when there are none left."""
    lines = iter(lines)
    with batch.path.open("wb") as file:
        for line in lines:
            file.write(line)
            batch.line_count += 1
            batch.size += len(line)
            batch.longest = max(batch.longest, len(line))
            if batch.size >= BATCH_BYTES:
                break
    if batch.line_count:
        return batch
    batch.path.unlink()
    return None
