"""When a cron fires: the ticks of an expression in a zone, as seconds since 1970, computed once and kept.

Which task uses which expression, and whether its schedule is on, is decided in timeline.py.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from cronsim import CronSim


class TickSource:
    """The ticks of one expression in one zone from an origin on; more are computed whenever a later one is asked for."""

    def __init__(self, expression: str, timezone: str, origin_s: int) -> None:
        self._future = _instants(expression, ZoneInfo(timezone), origin_s)
        self.seconds = array("q")

    def _extend(self) -> bool:
        instant = next(self._future, None)
        if instant is None:
            return False
        self.seconds.append(instant)
        return True

    def index_at(self, second: int) -> int:
        """Return how many ticks lie before `second`, computing more ticks when needed."""
        while not self.seconds or self.seconds[-1] < second:
            if not self._extend():
                break
        return bisect_left(self.seconds, second)

    def after(self, second: int, count: int) -> list[int]:
        """Return the next `count` ticks after `second` (fewer when the cron ends)."""
        index = self.index_at(second + 1)
        while len(self.seconds) < index + count and self._extend():
            pass
        return list(self.seconds[index : index + count])

    def before(self, second: int) -> int | None:
        """Return the last tick before `second`, or None at the origin."""
        index = self.index_at(second)
        return self.seconds[index - 1] if index else None


class TickSources:
    """All sources of one fleet, shared by the tasks that have the same expression and zone."""

    def __init__(self, origin_s: int) -> None:
        self._origin_s = origin_s
        self._sources: dict[tuple[str, str], TickSource] = {}

    def get(self, expression: str, timezone: str) -> TickSource:
        """Return the shared source of an expression in a zone."""
        zone = "UTC" if _same_as_utc(expression, timezone, self._origin_s) else timezone
        key = (expression, zone)
        if key not in self._sources:
            self._sources[key] = TickSource(expression, zone, self._origin_s)
        return self._sources[key]


def _instants(expression: str, zone: ZoneInfo, origin_s: int) -> Iterator[int]:
    # CronSim gives ticks strictly after its start; one second earlier, so that a tick at the origin itself is included.
    start = datetime.fromtimestamp(origin_s - 1, zone)
    if expression.split()[1] == "*":
        yield from (int(instant.timestamp()) for instant in CronSim(expression, start))
        return
    walls = CronSim(expression, datetime.combine(start.date(), time(), UTC) - timedelta(seconds=1))
    for day, times in groupby(walls, key=datetime.date):
        midnight = datetime.combine(day, time(), zone)
        yield from (second for second in _through_clock_change(midnight, list(times)) if second >= origin_s)


def _through_clock_change(midnight: datetime, walls: list[datetime]) -> list[int]:
    """Turn the local times of a day into seconds since 1970, as the real scheduler's library (cron-parser 4.9) does.

    A local time that occurs twice fires the first time only. Of the local times that a clock change skips, only the
    earliest fires, one hour later, and none of them when midnight itself is skipped.
    """
    found: set[int] = set()
    may_shift = midnight.timestamp() <= midnight.replace(fold=1).timestamp()
    for wall in walls:
        first, second = (int(wall.replace(tzinfo=midnight.tzinfo, fold=fold).timestamp()) for fold in (0, 1))
        is_skipped = first > second
        if not is_skipped or may_shift:
            found.add(first)
        may_shift = may_shift and not is_skipped
    return sorted(found)


def _same_as_utc(expression: str, timezone: str, origin_s: int) -> bool:
    """Tell whether an every-hour cron fires at the same instants as in UTC (zones of whole hours do)."""
    if expression.split()[1:] != ["*"] * 4:
        return False
    zone = ZoneInfo(timezone)
    start = datetime.fromtimestamp(origin_s, UTC)
    offsets = [(start + timedelta(days=15 * step)).astimezone(zone).utcoffset() for step in range(48)]
    return all(offset is not None and offset % timedelta(hours=1) == timedelta(0) for offset in offsets)
