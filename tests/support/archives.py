"""Archives made by hand, without a warehouse, and ways to change their files. No assertions here."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import zstandard

from pipelines.archive.poll_record import PollEnd, PollRecord, Stored
from pipelines.archive.store import Archive, PollWriter
from pipelines.archive.verify import Known, verify
from pipelines.paths import Layout
from pipelines.recoup.endpoints import Request, Response
from tests.support.bodies import NOON

HOUR = timedelta(hours=1)
POLLS = 5
BODIES = 4


def begin(archive: Archive, number: int) -> PollWriter:
    at = NOON + number * HOUR
    return archive.start_poll(at, source="file", is_full_scope=True, account_ids=[])


def answer(writer: PollWriter, *bodies: str | bytes, request: Request | None = None) -> None:
    at = writer.record.start.started_at
    contents = [body if isinstance(body, bytes) else body.encode() for body in bodies]
    writer.add_all([Response(request or Request.tasks(), 200, content, at, at, 1) for content in contents])


def end(writer: PollWriter) -> None:
    writer.finish(PollEnd(writer.record.start.started_at + HOUR / 2, True))


def told(archive: Archive, number: int, *bodies: bytes, request: Request | None = None) -> None:
    """One whole poll with these answers."""
    writer = begin(archive, number)
    answer(writer, *bodies, request=request)
    end(writer)


def fill(archive: Archive, polls: int = POLLS, bodies: int = BODIES, first: int = 0) -> Archive:
    for number in range(first, first + polls):
        told(archive, number, *(f"poll {number}, answer {each}".encode() * 20 for each in range(bodies)))
    return archive


def as_before_packs(archive: Archive) -> Archive:
    """Make the archive one of before there were packs: a file for each body, named by its hash."""
    for record in records(archive):
        path = archive.ledger(record.poll_id)
        stored = [_as_before(archive, each) for each in record.responses]
        events = [record.start, *stored, *record.unanswered, *([record.end] if record.end else [])]
        path.write_bytes(b"".join(msgspec.json.encode(event) + b"\n" for event in events))
    for pack in packs(archive):
        pack.unlink()
    if archive.chain.path.exists():
        archive.chain.path.unlink()
        archive.chain.seal(ledgers(archive))
    return archive


def _as_before(archive: Archive, stored: Stored) -> Stored:
    body = archive.body(stored)
    if not body:
        return stored
    packed = zstandard.ZstdCompressor(level=1, write_checksum=True).compress(body)
    digest = hashlib.sha256(packed)
    before = msgspec.structs.replace(stored, place=None, packed_hash=digest.hexdigest())
    path = archive.bodies.path(before)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed + bytes.fromhex("502a4d18") + (32).to_bytes(4, "little") + digest.digest())
    return before


def records(archive: Archive) -> list[PollRecord]:
    return [record for poll_id in archive.poll_ids() if (record := archive.poll(poll_id))]


def read_back(archive: Archive) -> list[list[bytes]]:
    return [[archive.body(stored) for stored in record.responses] for record in records(archive)]


def ledgers(archive: Archive) -> list[Path]:
    return [archive.ledger(poll_id) for poll_id in archive.poll_ids()]


def bodies(archive: Archive) -> list[Path]:
    return sorted(archive.root.glob("bodies/*/*.zst"))


def packs(archive: Archive) -> list[Path]:
    return sorted(archive.root.glob("packs/*/*.pack"))


def faults(archive: Archive, known: Known | None = None) -> list[str]:
    return [str(damage.error) for damage in verify(archive, known or Known()).damages]


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def change_lines(path: Path, change: Callable[[list[bytes]], None]) -> None:
    lines = lines_of(path)
    change(lines)
    path.write_bytes(b"".join(lines))


def swap(first: Path, second: Path) -> None:
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)


def files(layout: Layout) -> dict[str, bytes]:
    """All files below a warehouse, by their names."""
    return {str(path.relative_to(layout.root)): path.read_bytes() for path in layout.root.rglob("*") if path.is_file()}
