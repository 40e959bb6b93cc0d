"""Instants as the simulator counts them (whole milliseconds since 1970) and as the API writes them.

No clock here: the current instant of the simulation is `Simulator.now`.
"""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
_ONE_MS = timedelta(milliseconds=1)


def to_ms(instant: datetime) -> int:
    """Return whole milliseconds since 1970 of an aware instant."""
    return (instant - EPOCH) // _ONE_MS


def from_ms(instant_ms: int) -> datetime:
    """Return the aware UTC instant of whole milliseconds since 1970."""
    # Exact: the error of the float is far below half a microsecond, to which the result is rounded.
    return datetime.fromtimestamp(instant_ms / 1000, UTC)


def trigger_text(instant_ms: int) -> str:
    """Write an instant as Trigger.dev does: ISO, milliseconds, Z."""
    return from_ms(instant_ms).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant_ms % 1000:03d}Z"


def database_text(instant: datetime) -> str:
    """Write an instant as database columns arrive: microseconds and a numeric offset."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")
