"""Which instants an answer can hold, by when it came: one window for what was, one for what will be.

A run of another century would make calendars and ticks without end. What an odd instant costs is in careful.py.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipelines.recoup import contract

# The API shows runs of seven days, and saved answers may be older. A clock may be off by hours, not by days.
OLDEST_RUN, AHEAD = timedelta(days=3 * 366), timedelta(days=2)
# A yearly schedule announces ten ticks; nobody entered a date of another century.
FURTHEST_STAMP, OLDEST_STAMP = timedelta(days=11 * 366), timedelta(days=30 * 366)


class Unreadable(ValueError):
    """A value that is not what the contract says; the text says why."""


@dataclass(frozen=True, slots=True)
class Believable:
    """Which instants an answer can hold, by when it came. Runs of other centuries would make calendars without end."""

    earliest_run: datetime
    latest_run: datetime
    earliest: datetime
    latest: datetime

    @classmethod
    def at(cls, received_at: datetime) -> "Believable":
        """Return what is believable in an answer of this instant."""
        return cls(
            received_at - OLDEST_RUN, received_at + AHEAD, received_at - OLDEST_STAMP, received_at + FURTHEST_STAMP
        )

    def refuse_others(self, instant: datetime, declared: Any) -> None:
        """Raise Unreadable for an instant that no run and no task can have."""
        is_stamp = declared == contract.Stamp
        earliest, latest = (self.earliest, self.latest) if is_stamp else (self.earliest_run, self.latest_run)
        if not earliest <= instant <= latest:
            raise Unreadable(f"no believable instant: it is not between {earliest:%Y-%m-%d} and {latest:%Y-%m-%d}")
