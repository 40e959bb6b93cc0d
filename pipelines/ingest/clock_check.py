"""Whether this machine's clock can be believed, judged by the server's: before a poll is kept, and of polls kept before.

Answers without the header `Date`, saved bodies and a pretended now are not judged.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from pipelines.archive.poll_record import Stored
from pipelines.archive.store import Archive
from pipelines.errors import BadSettings
from pipelines.recoup.endpoints import Response

# Every poll is stamped by this machine's clock, and polls are loaded in the order of their stamps.
MOST_AHEAD = timedelta(minutes=10)
# Less is no news: networks are slow, and the header shows whole seconds.
WORTH_TELLING = timedelta(minutes=2)


class ClockAhead(BadSettings):
    """This machine's clock is so far ahead of the server's that what it stamps would be loaded in the wrong order."""


def clock_skew(answer: Response | Stored) -> timedelta:
    """Return how far the server's clock is ahead of ours; negative when it is behind.

    The time that the answer was under way is no difference.
    """
    if answer.server_at is None:
        return timedelta()
    return max(answer.server_at - answer.received_at, timedelta()) + min(
        answer.server_at - answer.requested_at + timedelta(seconds=1), timedelta()
    )


def refuse_ahead(answer: Response) -> None:
    """Raise ClockAhead for an answer that, by our clock, was asked for long after the server gave it."""
    if answer.server_at is not None and -clock_skew(answer) > MOST_AHEAD:
        raise ClockAhead(
            f"The clock of this machine says {answer.requested_at:%Y-%m-%d %H:%M} UTC, that of the API "
            f"{answer.server_at:%Y-%m-%d %H:%M} UTC; nothing was loaded. Set the clock of this machine, then poll again"
        )


def stamped_ahead(archive: Archive, now: datetime) -> list[str]:
    """Return the polls of the archive whose stamps lie in the future."""
    return [poll_id for poll_id in archive.poll_ids() if poll_id > archive.stem(now + MOST_AHEAD)]


def set_aside_ahead(archive: Archive, answers: Iterable[Stored], now: datetime) -> bool:
    """Set aside polls that are stamped ahead of now; tell whether there were any.

    Only when the server has confirmed our clock: by one that is behind, every good poll looks stamped ahead.
    """
    told = [answer for answer in answers if answer.server_at is not None]
    if not told or any(abs(clock_skew(answer)) > MOST_AHEAD for answer in told):
        return False
    ahead = stamped_ahead(archive, now)
    for poll_id in ahead:
        archive.set_aside(poll_id)
    return bool(ahead)
