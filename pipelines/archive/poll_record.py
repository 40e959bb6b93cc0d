"""One poll's ledger: its lines as values, and reading them back. Writing them belongs to store.py.

Times are in UTC; a body is named by its hash. What a body means does not belong here.
"""

import errno
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from pipelines.errors import ArchiveDamaged
from pipelines.recoup.endpoints import Kind


class PollStart(msgspec.Struct, frozen=True, tag_field="event", tag="started"):
    """First line of a ledger: what the poll set out to read."""

    poll_id: str
    started_at: datetime
    source: str
    is_full_scope: bool
    account_ids: list[str]
    accept_deletions: bool = False


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a body stands: the pack, the entry in it (offset, length), and which of the entry's bodies it is."""

    pack: str
    offset: int
    length: int
    index: int


class Stored(msgspec.Struct, frozen=True, tag_field="event", tag="response"):
    """One archived response: which request, when, and the hash that names its body."""

    number: int
    kind: Kind
    request: str
    params: list[tuple[str, str]]
    status: int | None
    requested_at: datetime
    received_at: datetime
    tries: int
    size: int
    body_hash: str
    server_at: datetime | None = None
    # The SHA-256 of the body as it is packed, or of its entry in a pack; older ledgers have none.
    packed_hash: str = ""
    # None of an empty body, and of one that has a file of its own, as all had before.
    place: Place | None = None

    @property
    def observed_at(self) -> datetime:
        """The instant that the answer is taken to show: when it was asked for, and never later than the server's clock.

        That one shows whole seconds.
        """
        if self.server_at is None or self.requested_at - self.server_at <= timedelta(seconds=1):
            return self.requested_at
        return self.server_at

    @property
    def account_id(self) -> str | None:
        """The account that was asked for; None for the key's own."""
        return dict(self.params).get("account_id")


class Unanswered(msgspec.Struct, frozen=True, tag_field="event", tag="unanswered"):
    """A request of tasks that got no usable answer, and why; what the other accounts answered is loaded."""

    number: int
    kind: Kind
    request: str
    params: list[tuple[str, str]]
    error_kind: str
    error_message: str
    given_up_at: datetime
    tries: int

    @property
    def account_id(self) -> str | None:
        """The account that was asked for; None for the key's own."""
        return dict(self.params).get("account_id")


class PollEnd(msgspec.Struct, frozen=True, tag_field="event", tag="finished"):
    """Last line of a ledger; a ledger without it was interrupted."""

    finished_at: datetime
    is_ok: bool
    error_kind: str | None = None
    error_message: str | None = None
    recovery_note: str | None = None


@dataclass(slots=True)
class PollRecord:
    """A ledger as read back."""

    start: PollStart
    responses: list[Stored] = field(default_factory=list)
    unanswered: list[Unanswered] = field(default_factory=list)
    end: PollEnd | None = None

    @property
    def poll_id(self) -> str:
        """Sorts by start of the poll."""
        return self.start.poll_id

    def add(self, event: "Stored | Unanswered | PollEnd") -> None:
        """Take in a line that follows the first one."""
        if isinstance(event, Stored):
            self.responses.append(event)
        elif isinstance(event, Unanswered):
            self.unanswered.append(event)
        else:
            self.end = event

    @property
    def next_number(self) -> int:
        """The number of the next request, in the order of the ledger."""
        return len(self.responses) + len(self.unanswered) + 1


Event = PollStart | Stored | Unanswered | PollEnd
_LEDGER_LINE = msgspec.json.Decoder(Event)


def read_ledger(path: Path) -> PollRecord | None:
    """Read a ledger; None when not even its first line was written whole.

    Only the last line of an unfinished ledger may be torn, by a kill while it was written. Raises ArchiveDamaged,
    naming the file, for anything else.
    """
    record: PollRecord | None = None
    for number, event in enumerate(_events(path), start=1):
        if isinstance(event, PollStart) and number == 1 and event.poll_id == path.stem:
            record = PollRecord(event)
        elif isinstance(event, PollStart) or record is None or record.end:
            raise damaged(path, f"line {number} does not belong there")
        else:
            record.add(event)
    return record


def damaged(path: Path, what: str) -> ArchiveDamaged:
    """Return the error that names a file of the archive that is not what was written."""
    return ArchiveDamaged(
        f"{path} is damaged ({what}); put the file back from a backup, "
        "or go on without what it held: `recoup-warehouse rebuild --accept-loss`"
    )


def raise_unless_damaged(error: OSError) -> None:
    """Raise an error of who reads, not of what is read: the file may be sound, so it must not be given up."""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        raise error


def lost_poll(poll_id: str, error: ArchiveDamaged) -> PollRecord:
    """Stand in for a ledger that cannot be read: a failed poll of that instant, of which nothing else is known."""
    at = datetime.strptime(poll_id.rpartition("-")[0], "%Y%m%dT%H%M%S.%f%z")
    start = PollStart(poll_id=poll_id, started_at=at, source="unknown", is_full_scope=False, account_ids=[])
    what = "the archive cannot give this poll back; `recoup-warehouse verify` names the file"
    return PollRecord(start, end=PollEnd(at, False, type(error).__name__, what))


def bytes_of(path: Path) -> bytes:
    """Read a file of the archive. Raises ArchiveDamaged, naming it, where the disk refuses."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise_unless_damaged(error)
        raise damaged(path, str(error.strerror)) from error


def _events(path: Path) -> Iterator[Event]:
    *lines, torn = bytes_of(path).split(b"\n")
    event: Event | None = None
    for number, line in enumerate(lines, start=1):
        try:
            event = _LEDGER_LINE.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise damaged(path, f"line {number} cannot be read") from error
        yield event
    if torn and isinstance(event, PollEnd):
        raise damaged(path, "it goes on after its end")
