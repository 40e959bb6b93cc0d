"""The chain of an archive: a line for each ledger, sealed when it ended, with the hash of the line before.

A line that is altered, taken out or put elsewhere is no longer what the next one was written after. Lines are added and
never written again. Comparing the archive with its chain belongs to verify.py.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from pipelines.atomic_write import append_whole
from pipelines.paths import PRIVATE_FILE_MODE

_BLOCK = 4096
# Enough to say which line of a ledger was altered; that one was, the hash of the whole says.
_LINE_DIGITS = 8
# What a line that a kill tore ends in, once the next one was added.
_TORN = b"#torn"


class Link(msgspec.Struct, frozen=True):
    """One line: its number, the ledger as it was when it was sealed (whole, and each line), the hash of the line before."""

    number: int
    poll_id: str
    ledger_hash: str
    lines: str
    before: str


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain goes, and the hash of its last line: who keeps it elsewhere can tell later what was cut off."""

    number: int
    line_hash: str

    def __str__(self) -> str:
        return f"{self.number}:{self.line_hash}"

    @classmethod
    def of(cls, text: str) -> "Head":
        """Read NUMBER:HASH. Raises ValueError."""
        number, _, digits = text.partition(":")
        if int(number) < 1 or len(bytes.fromhex(digits)) != hashlib.sha256().digest_size:
            raise ValueError(text)
        return cls(int(number), digits.lower())


@dataclass(slots=True)
class Links:
    """A chain as read: its links by poll (the last one of a poll counts), its lines, and what is wrong with them."""

    by_poll: dict[str, Link] = field(default_factory=dict)
    line_hashes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def head(self) -> Head | None:
        """The last line; None of an archive that has no chain."""
        return Head(len(self.line_hashes), self.line_hashes[-1]) if self.line_hashes else None

    def gone_of(self, heads: Mapping[str, Head]) -> list[str]:
        """Say which heads are not in the chain any more, by who noted them."""
        return [
            f"its line {head.number} is gone or another than {who} noted"
            for who, head in heads.items()
            if not self.holds(head)
        ]

    def holds(self, head: Head) -> bool:
        """Tell whether the chain has that line, wherever it ends now."""
        return self.line_hashes[head.number - 1 : head.number] == [head.line_hash]


class Chain:
    """The file `chain.ndjson`. A line that a kill tore stays, as a line that is none, and the chain goes on."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def seal(self, ledgers: Sequence[Path]) -> None:
        """Add a line for each ledger as it is now; on disk before this returns."""
        with _locked(self.path) as file:
            last, is_torn = _last_line(file)
            number, mended = self._number_of(last, is_torn=is_torn), b""
            if is_torn:
                last, mended = last + _TORN, _TORN + b"\n"
            added: list[bytes] = []
            for each, ledger in enumerate(ledgers, start=number + 1):
                last = msgspec.json.encode(_link(each, ledger, line_hash(last) if last else ""))
                added.append(last + b"\n")
            append_whole(self.path, mended + b"".join(added))

    def seal_left(self, ledgers: Iterable[Path]) -> None:
        """Seal what a kill, or a copying of the archive, left without a line; not what is older than the chain."""
        ledgers = list(ledgers)
        known = self.read().by_poll if ledgers else {}
        first = min(known, default="~")
        left = [path for path in ledgers if path.stem not in known and path.stem > first and path.is_file()]
        if left:
            self.seal(left)

    def content(self) -> bytes:
        """Return the file as it is; nothing where there is none."""
        return self.path.read_bytes() if self.path.is_file() else b""

    def head(self) -> Head | None:
        """Tell the last line without reading the others."""
        if not self.path.is_file():
            return None
        with self.path.open("rb") as file:
            last, is_torn = _last_line(file.fileno())
        return self.read().head if is_torn or not last else Head(self._number_of(last), line_hash(last))

    def read(self) -> Links:
        """Read the chain, and say of each line that does not follow on the one before."""
        found, before, expected = Links(), "", 1
        *lines, _ = self.content().split(b"\n")
        for number, line in enumerate(lines, start=1):
            link = _decoded(line)
            if link is None and not line.endswith(_TORN):
                found.faults.append(f"line {number} cannot be read")
            if link and link.before != before:
                found.faults.append(f"line {number} was not written after line {number - 1} as it is")
            if link and link.number != expected:
                found.faults.append(f"line {number} was line {link.number}")
            if link:
                found.by_poll[link.poll_id] = link
            expected = (link.number if link else expected) + 1
            before = line_hash(line)
            found.line_hashes.append(before)
        return found

    def _number_of(self, last: bytes, *, is_torn: bool = False) -> int:
        """Return the number of the last line: as it says itself, or, where it says nothing, counted."""
        link = None if is_torn else _decoded(last)
        if link:
            return link.number
        return self.content().count(b"\n") + is_torn if last else 0


def line_hash(line: bytes) -> str:
    """Return the hash by which the next line names this one."""
    return hashlib.sha256(line).hexdigest()


def line_digits(content: bytes) -> list[str]:
    """Return a short hash of each line of a ledger."""
    return [line_hash(line)[:_LINE_DIGITS] for line in content.splitlines(keepends=True)]


def told_lines(link: Link) -> list[str]:
    """Return those of a ledger when it was sealed."""
    return [link.lines[start : start + _LINE_DIGITS] for start in range(0, len(link.lines), _LINE_DIGITS)]


def _link(number: int, ledger: Path, before: str) -> Link:
    content = ledger.read_bytes()
    return Link(number, ledger.stem, line_hash(content), "".join(line_digits(content)), before)


def _decoded(line: bytes) -> Link | None:
    try:
        return msgspec.json.decode(line, type=Link)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open the chain, made if need be, with nobody else adding to it: polls end while a rebuild seals what was left."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, PRIVATE_FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _last_line(descriptor: int) -> tuple[bytes, bool]:
    """Return the last line, and whether its end is missing. Reads from the end, however long the chain is."""
    position, tail = os.fstat(descriptor).st_size, b""
    while position > 0 and b"\n" not in tail[:-1]:
        start = max(0, position - _BLOCK)
        tail = os.pread(descriptor, position - start, start) + tail
        position = start
    *lines, rest = tail.split(b"\n")
    return rest or (lines[-1] if lines else b""), bool(rest)
