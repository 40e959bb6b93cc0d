"""Archives made by hand, without a warehouse, and ways to change their files. No assertions here."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from pipelines.archive.poll_record import PollEnd
from pipelines.archive.store import Archive, PollWriter
from pipelines.archive.verify import Known, verify
from pipelines.recoup.endpoints import Request, Response
from tests.support.bodies import NOON

HOUR = timedelta(hours=1)
POLLS = 5
BODIES = 4


def begin(archive: Archive, number: int) -> PollWriter:
    at = NOON + number * HOUR
    return archive.start_poll(at, source="file", is_full_scope=True, account_ids=[])


def answer(writer: PollWriter, text: str) -> None:
    at = writer.record.start.started_at
    writer.add_all([Response(Request.tasks(), 200, text.encode(), at, at, 1)])


def end(writer: PollWriter) -> None:
    writer.finish(PollEnd(writer.record.start.started_at + HOUR / 2, True))


def fill(archive: Archive, polls: int = POLLS, bodies: int = BODIES, first: int = 0) -> Archive:
    for number in range(first, first + polls):
        writer = begin(archive, number)
        at = writer.record.start.started_at
        texts = [f"poll {number}, answer {each}".encode() * 20 for each in range(bodies)]
        writer.add_all([Response(Request.tasks(), 200, text, at, at, 1) for text in texts])
        end(writer)
    return archive


def ledgers(archive: Archive) -> list[Path]:
    return [archive.ledger(poll_id) for poll_id in archive.poll_ids()]


def bodies(archive: Archive) -> list[Path]:
    return sorted(archive.root.glob("bodies/*/*.zst"))


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
