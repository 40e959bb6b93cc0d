"""The archive: every response body as received, one append-only ledger per poll, and the chain of the ledgers that ended.

What the bodies mean does not belong here. The warehouse is a pure function of these files, in poll order.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from pipelines.archive.bodies import Bodies
from pipelines.archive.chain import Chain
from pipelines.archive.pack_writer import PackWriter
from pipelines.archive.poll_record import (
    Event,
    PollEnd,
    PollRecord,
    PollStart,
    Stored,
    Unanswered,
    read_ledger,
)
from pipelines.atomic_write import append_whole
from pipelines.errors import ArchiveDamaged
from pipelines.paths import PRIVATE_DIR_MODE, PRIVATE_FILE_MODE
from pipelines.recoup.endpoints import NoAnswer, Response

_POLL_ID = re.compile(r"\d{8}T\d{6}\.\d{6}Z-\d{2,}")


class PollWriter:
    """Appends to one poll's ledger; each line is on disk before the call returns."""

    def __init__(self, archive: "Archive", path: Path, start: PollStart) -> None:
        self._archive = archive
        self._path = path
        self._packs = PackWriter(archive.bodies.packs, start.poll_id, self._told_end)
        self.record = PollRecord(start)
        self._append(start)

    @property
    def poll_id(self) -> str:
        """The id of the poll being written."""
        return self.record.poll_id

    def add(self, response: Response) -> Stored:
        """Archive one body, whole and synced, then write its ledger line."""
        return self.add_all([response])[0]

    def add_all(self, answers: Sequence[Response]) -> list[Stored]:
        """Archive several bodies, synced once, then write their ledger lines at once."""
        kept = self._packs.keep(answers)
        first = self.record.next_number
        stored = [
            Stored(
                number=number,
                kind=answer.request.kind,
                request=answer.request.label,
                params=list(answer.request.params),
                status=answer.status,
                requested_at=answer.requested_at,
                received_at=answer.received_at,
                tries=answer.tries,
                size=len(answer.body),
                body_hash=body.body_hash,
                server_at=answer.server_at,
                packed_hash=body.packed_hash,
                place=body.place,
            )
            for number, (answer, body) in enumerate(zip(answers, kept, strict=True), start=first)
        ]
        self._append(*stored)
        self.record.responses += stored
        return stored

    def add_unanswered(self, failed: NoAnswer) -> Unanswered:
        """Note in the ledger that a request got no answer, so that a rebuild knows it too."""
        event = Unanswered(
            number=self.record.next_number,
            kind=failed.request.kind,
            request=failed.request.label,
            params=list(failed.request.params),
            error_kind=type(failed.error).__name__,
            error_message=str(failed.error),
            given_up_at=failed.given_up_at,
            tries=failed.tries,
        )
        self._append(event)
        self.record.unanswered.append(event)
        return event

    def finish(self, end: PollEnd) -> PollRecord:
        """Close the ledger, and the chain over it; only now may the poll be loaded."""
        self._append(end)
        self.record.end = end
        self._archive.chain.seal([self._path])
        return self.record

    def discard(self) -> None:
        """Take the ledger back: nothing that it says can be believed, its own time least of all."""
        self._path.unlink(missing_ok=True)

    def _told_end(self, pack: str) -> int:
        """Return how far a pack goes by the newest ledger that names it; 0 when none does."""
        for poll_id in self._archive.newest_first():
            if poll_id < pack and not pack.startswith(poll_id):
                return 0  # the poll that began the pack gave it its name; older ones cannot know of it
            with suppress(ArchiveDamaged):
                record = self._archive.poll(poll_id)
                places = [stored.place for stored in record.responses] if record else []
                if ends := [place.offset + place.length for place in places if place and place.pack == pack]:
                    return max(ends)
        return 0

    def _append(self, *events: Event) -> None:
        append_whole(self._path, b"".join(msgspec.json.encode(event) + b"\n" for event in events))


class Archive:
    """The folder `archive/`: `packs/<year-month>/<name>.pack`, `polls/<year-month>/<poll_id>.ndjson` and `chain.ndjson`.

    Bodies of polls before there were packs lie in `bodies/<aa>/<hash>.zst`.
    Ledgers in `set_aside/` are kept and not loaded: a clock that was ahead has stamped them.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bodies = Bodies(root)
        self.chain = Chain(root / "chain.ndjson")
        self._polls = root / "polls"
        self._set_aside = root / "set_aside"

    def start_poll(self, started_at: datetime, **scope: Any) -> PollWriter:
        """Open a new ledger. Poll ids sort by start; polls of the same instant are numbered."""
        stem = self.stem(started_at)
        folder = self._polls / started_at.astimezone(UTC).strftime("%Y-%m")
        self._private(folder)
        number = 1
        while not _is_made(path := folder / f"{stem}-{number:02d}.ndjson"):
            number += 1
        return PollWriter(self, path, PollStart(poll_id=path.stem, started_at=started_at, **scope))

    @staticmethod
    def stem(at: datetime) -> str:
        """Return what ids of polls begun at an instant begin with."""
        return at.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")

    def set_aside(self, poll_id: str) -> None:
        """Keep a ledger, but load it no more; its bodies stay where they are."""
        self._set_aside.mkdir(mode=PRIVATE_DIR_MODE, exist_ok=True)
        self.ledger(poll_id).replace(self.aside_ledger(poll_id))

    def aside_ledger(self, poll_id: str) -> Path:
        """Name the ledger of a poll that was set aside."""
        return self._set_aside / f"{poll_id}.ndjson"

    def aside_ids(self) -> list[str]:
        """Return the polls that were set aside."""
        return sorted(path.stem for path in _below(self._set_aside) if path.suffix == ".ndjson")

    def poll_ids(self) -> list[str]:
        """All poll ids, in poll order, without reading the ledgers. Files of other names are none of ours."""
        return sorted(path.stem for path in _below(self._polls) if path == self.ledger(path.stem))

    def newest_first(self) -> Iterator[str]:
        """Yield all poll ids, the last in poll order first; older months are listed only when they are reached."""
        for month in sorted(filter(Path.is_dir, self._polls.iterdir()), reverse=True):
            yield from sorted((path.stem for path in month.iterdir() if path == self.ledger(path.stem)), reverse=True)

    def strays(self) -> list[Path]:
        """Return the files among the ledgers that are none."""
        return sorted(path for path in _below(self._polls) if path != self.ledger(path.stem))

    def poll(self, poll_id: str) -> PollRecord | None:
        """Read one ledger; None when not even its first line was written whole. Raises ArchiveDamaged, naming the file."""
        return read_ledger(self.ledger(poll_id))

    def body(self, stored: Stored) -> bytes:
        """Return an archived body, byte for byte as received. Raises ArchiveDamaged, naming the file, when it is not."""
        return self.bodies.read(stored)

    def ledger(self, poll_id: str) -> Path:
        """Name the ledger of a poll."""
        if not _POLL_ID.fullmatch(poll_id):
            return self._polls / "no-poll"
        return self._polls / f"{poll_id[:4]}-{poll_id[4:6]}" / f"{poll_id}.ndjson"

    def _private(self, folder: Path) -> None:
        for part in (folder.parent, folder):
            part.mkdir(mode=PRIVATE_DIR_MODE, parents=True, exist_ok=True)


def _below(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder. What cannot be listed is an error; `glob` would leave it out in silence."""
    for where, _, names in os.walk(folder, onerror=_raise_unless_gone):
        yield from (Path(where) / name for name in names)


def _raise_unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _is_made(path: Path) -> bool:
    """Make a new, empty file; False when there is one of that name."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE_MODE))
    except FileExistsError:
        return False
    return True
