"""One poll's ledger: its lines as values, and reading them back. Writing them belongs to store.py.

Times are in UTC; a body is named by its hash. What a body means does not belong here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from pipelines.recoup.endpoints import Kind


class PollStart(msgspec.Struct, frozen=True, tag_field="event", tag="started"):
    """First line of a ledger: what the poll set out to read."""

    poll_id: str
    started_at: datetime
    source: str
    is_full_scope: bool
    account_ids: list[str]
    accept_deletions: bool = False


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

    @property
    def next_number(self) -> int:
        """The number of the next request, in the order of the ledger."""
        return len(self.responses) + len(self.unanswered) + 1


Event = PollStart | Stored | Unanswered | PollEnd
_LEDGER_LINE = msgspec.json.Decoder(Event)


def events(path: Path) -> Iterator[Event]:
    """Yield the lines of a ledger, up to one that was not written whole."""
    for line in path.read_bytes().split(b"\n"):
        try:
            yield _LEDGER_LINE.decode(line)
        except msgspec.DecodeError:
            return  # half a last line: the process was killed while writing it
