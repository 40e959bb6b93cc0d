"""One line of a batch: a task or a run with where it stood, as NDJSON that sql/flatten/02 and 03 read.

Members: "n" response number, "i" position in it, "o" asked at, "c" 1 when the object is canonical; of a task "h" hash,
"w" how many runs its window held, "u" the fields that it did not tell, "t" the task; of a run "k" the kind of the
answer, "r" the run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from pipelines.archive.poll_record import Stored
from pipelines.recoup.endpoints import Kind
from pipelines.recoup.gate import Passed
from pipelines.recoup.json_text import elements, members, text_of


@dataclass(frozen=True, slots=True)
class Line:
    """An object on its way to SQL."""

    number: int
    index: int
    asked_at: str
    raw: bytes
    kind: Kind = Kind.TASKS
    task_hash: str = ""
    window_count: int | None = None
    untold: Sequence[str] = ()
    is_canonical: bool = False

    @classmethod
    def new(cls, stored: Stored, passed: Passed, task_hash: str = "") -> "Line":
        """Return the line of an object that passed the gate."""
        return cls(
            stored.number,
            passed.index,
            stored.observed_at.isoformat(),
            passed.raw,
            stored.kind,
            task_hash,
            passed.window_count,
            passed.untold,
            passed.is_canonical,
        )

    @classmethod
    def of(cls, written: bytes) -> "Line":
        """Read a line back, however deeply its object is nested."""
        parts = members(written)
        head = (int(parts["n"]), int(parts["i"]), text_of(parts["o"]))
        if "r" in parts:
            return cls(*head, parts["r"], Kind(text_of(parts["k"])), is_canonical=parts["c"] == b"1")
        window_count = msgspec.json.decode(parts["w"], type=int | None)
        untold = [text_of(name) for name in elements(parts["u"])]
        return cls(*head, parts["t"], Kind.TASKS, text_of(parts["h"]), window_count, untold, parts["c"] == b"1")

    def written(self, passed: Passed | None = None) -> bytes:
        """Write the line; of what `passed` a second reading, and still with what the first one said of the window."""
        line = self if passed is None else self._read_again(passed)
        head = head_of(line.number, line.index, line.asked_at) + b',"c":%d' % line.is_canonical
        if line.kind is not Kind.TASKS:
            return b'%b,"k":"%b","r":%b}\n' % (head, line.kind.encode(), _one_line(line.raw))
        window = b"null" if line.window_count is None else b"%d" % line.window_count
        rest = (line.task_hash.encode(), window, msgspec.json.encode(list(line.untold)), _one_line(line.raw))
        return b'%b,"h":"%b","w":%b,"u":%b,"t":%b}\n' % (head, *rest)

    def with_runs(self, runs: Sequence[bytes]) -> bytes:
        """Write a task's line with these runs only; its window still tells how many it held."""
        parts = members(self.raw)
        held = len(elements(parts["recent_runs"])) if self.window_count is None else self.window_count
        parts["recent_runs"] = b"[%b]" % b",".join(runs)
        raw = b"{%b}" % b",".join(b"%b:%b" % (msgspec.json.encode(name), value) for name, value in parts.items())
        return replace(self, raw=raw, window_count=held).written()

    def _read_again(self, passed: Passed) -> "Line":
        held = passed.window_count if self.window_count is None else self.window_count
        untold = sorted({*self.untold, *passed.untold})
        return replace(self, raw=passed.raw, window_count=held, untold=untold, is_canonical=True)


def head_of(number: int, index: int, asked_at: str) -> bytes:
    """Return how every line begins."""
    return b'{"n":%d,"i":%d,"o":"%b"' % (number, index, asked_at.encode())


def _one_line(raw: bytes) -> bytes:
    # A raw line break in JSON can only stand between tokens; NDJSON wants one object per line.
    return raw.replace(b"\n", b" ").replace(b"\r", b" ") if b"\n" in raw or b"\r" in raw else raw
