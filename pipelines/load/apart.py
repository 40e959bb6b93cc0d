"""What SQL cannot read at once: the lines are read field by field, then in halves, then run by run.

So DuckDB is the third reader of the contract: what it refuses is written in canonical form for it, and what it still
refuses costs itself alone, with its ids. How a batch is written and read belongs to batches.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb

from pipelines.database.connection import Connection
from pipelines.errors import BadSettings
from pipelines.load.batches import SMALLEST_BUFFER, Batch, Staged, read_lines, write_batch
from pipelines.load.lines import Line
from pipelines.recoup.careful import Reject
from pipelines.recoup.endpoints import Kind
from pipelines.recoup.gate import Gated, gate_carefully
from pipelines.recoup.json_text import elements, members, text_of

# Not the fault of a small object: it must not go to quarantine for it.
NO_MEMORY = "DuckDB has no memory or disk left to load this poll; raise RECOUP_MEMORY_LIMIT or free some of the disk"
TOO_LARGE = "too large to be read within RECOUP_MEMORY_LIMIT; raise it, then run `recoup-warehouse rebuild`"
REFUSALS = (duckdb.DataError, duckdb.InvalidInputException, duckdb.OutOfMemoryException)


@dataclass(frozen=True, slots=True)
class BatchTaker:
    """Reads a batch whatever is in it; `may_wait` leaves what lacks memory beside another reader for later."""

    con: Connection
    found: Staged
    may_wait: bool

    def take(self, batch: Batch) -> None:
        """Stage the lines of a batch; each that cannot be read is noted. Raises BadSettings when memory is short."""
        try:
            read_lines(self.con, batch)
        except REFUSALS as error:
            self._take_apart(batch, error)
        finally:
            batch.path.unlink(missing_ok=True)

    def _take_apart(self, batch: Batch, error: duckdb.Error) -> None:
        if isinstance(error, duckdb.OutOfMemoryException):
            if self.may_wait:
                path = batch.path.with_name(f"waiting-{len(self.found.waiting)}-{batch.path.name}")
                self.found.waiting.append(replace(batch, path=batch.path.rename(path)))
                return
            if batch.line_count == 1 and batch.size < SMALLEST_BUFFER:
                raise BadSettings(NO_MEMORY) from error
        elif not batch.is_careful:
            self._take_carefully(batch)
            return
        lines = batch.path.read_bytes().splitlines(keepends=True)
        if len(lines) > 1:
            self._take_lines(batch, lines[: len(lines) // 2])
            self._take_lines(batch, lines[len(lines) // 2 :])
        elif batch.kind is Kind.TASKS:
            self._take_run_by_run(batch, lines[0], error)
        else:
            self._reject_line(batch, Line.of(lines[0]), error)

    def _take_lines(self, batch: Batch, lines: list[bytes]) -> None:
        fresh = write_batch(Batch(batch.path, batch.kind, batch.is_careful), lines)
        if fresh:
            self.take(fresh)

    def _take_carefully(self, batch: Batch) -> None:
        """Write the same lines again in canonical form: all at once, since the next one is often odd in the same way."""
        lines = [again for line in batch.path.read_bytes().splitlines() for again in self._canonical(batch.kind, line)]
        fresh = write_batch(Batch(batch.path, batch.kind, is_careful=True), lines)
        if fresh:
            self.take(fresh)

    def _canonical(self, kind: Kind, raw_line: bytes) -> Iterator[bytes]:
        line, gated = Line.of(raw_line), Gated()
        if line.is_canonical:
            yield raw_line + b"\n"
            return
        gate_carefully(line.index, line.raw, kind, datetime.fromisoformat(line.asked_at), gated)
        self.found.note(line.number, gated)
        for passed in gated.passed:
            yield line.written(passed)

    def _take_run_by_run(self, batch: Batch, raw_line: bytes, error: duckdb.Error) -> None:
        """Find the runs that keep a task from being read; without them the task itself may be readable."""
        line = Line.of(raw_line)
        parts = members(line.raw)
        runs = elements(parts.get("recent_runs", b"[]"))
        good = [run for run in runs if self._is_readable(batch, line.with_runs([run]))]
        if len(good) == len(runs) or not self._is_readable(batch, line.with_runs([])):
            self._reject_line(batch, line, error)
            return
        for number, run in enumerate(runs):
            if run not in good:
                self._reject(line, f"tasks[{line.index}].recent_runs[{number}]", run, parts["id"], error)
        self._read(batch, line.with_runs(good), is_trial=False)

    def _is_readable(self, batch: Batch, raw_line: bytes) -> bool:
        try:
            self._read(batch, raw_line, is_trial=True)
        except REFUSALS:
            return False
        return True

    def _read(self, batch: Batch, raw_line: bytes, *, is_trial: bool) -> None:
        fresh = write_batch(Batch(batch.path, batch.kind, is_careful=True), [raw_line])
        if fresh:
            read_lines(self.con, fresh, is_trial=is_trial)

    def _reject_line(self, batch: Batch, line: Line, error: duckdb.Error) -> None:
        parts = members(line.raw)
        at = f"{batch.kind.listed}[{line.index}]"
        if batch.kind is not Kind.TASKS:
            self._reject(line, at, line.raw, None, error)
            return
        shown = _size_of(line.raw)
        self.found.rejects.append((line.number, Reject(at, "task", text_of(parts["id"]), None, _reason(error), shown)))
        for number, run in enumerate(elements(parts.get("recent_runs", b"[]"))):
            self._reject(line, f"{at}.recent_runs[{number}]", run, parts["id"], error)

    def _reject(self, line: Line, at: str, run: bytes, task_id: bytes | None, error: duckdb.Error) -> None:
        parts = members(run)
        created_at = datetime.fromisoformat(text_of(parts["createdAt"]))
        owner = (None if task_id is None else text_of(task_id), text_of(parts["id"]))
        reject = Reject(at, "run", *owner, _reason(error), _size_of(run), run_created_at=created_at)
        self.found.rejects.append((line.number, reject))


def _size_of(raw: bytes) -> str:
    return f'"{len(raw)} bytes"'


def _reason(error: duckdb.Error) -> str:
    if isinstance(error, duckdb.OutOfMemoryException):
        return TOO_LARGE
    return f"accepted by the contract, but not readable as typed columns ({type(error).__name__})"
