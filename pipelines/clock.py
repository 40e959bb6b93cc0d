"""The only place that asks the machine for the time, and the one parser of instants.

Everything else takes a `Clock` (or a datetime) from its caller, so that simulations and tests own time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pipelines.errors import BadSettings

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the current instant, aware, in UTC."""
    return datetime.now(UTC)


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 instant; one without an offset is taken as UTC.

    Raises BadSettings when the text is not an instant.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadSettings(f"{text!r} is not an ISO instant; write it like 2026-08-20T09:00:00Z") from error
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class FixedClock:
    """A clock that stands still: a pretended now, which is not compared with anybody else's clock."""

    instant: datetime

    def __call__(self) -> datetime:
        """Return the instant."""
        return self.instant


def fixed(instant: datetime) -> Clock:
    """Return a clock that always shows `instant` (what `--at` asks for)."""
    return FixedClock(instant)
