"""When a schedule fires: cron ticks in an IANA zone, as instants in UTC, the way Trigger.dev's scheduler finds them.

Which schedule was in force, and whether a tick left a run, belongs to coverage_gaps.py. See docs/decisions/0005-cron.md.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

MAX_TICKS = 200_000
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
# A fifth Monday in February (29 February, a Monday) can take 40 years; a tick that has not come by then never comes.
NEVER = timedelta(days=366 * 41)
# Two months in a row differ, and so do weeks: gaps are compared over this long from the first tick on.
GAPS_OVER = timedelta(days=35)

ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@hourly": "0 * * * *",
}
FIELD_COUNT = 5


class BadCron(ValueError):
    """The expression or the zone cannot be read, or the ticks asked for are too many to count."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """A parsed schedule: on which days, at which times of a day, in which zone."""

    days: CronSim
    times: tuple[timedelta, ...]
    is_every_hour: bool
    zone: ZoneInfo


def is_valid(schedule: str, timezone: str = "UTC") -> bool:
    """Tell whether both can be read."""
    try:
        _plan(schedule, timezone)
    except BadCron:
        return False
    return True


def ticks(schedule: str, timezone: str, after: datetime, until: datetime) -> list[datetime]:
    """Return the ticks strictly after `after` and strictly before `until`.

    Raises BadCron, also when there are more than MAX_TICKS: a count cut short would be a wrong number.
    """
    plan = _plan(schedule, timezone)
    found: list[datetime] = []
    for day in _days(plan, after.astimezone(plan.zone).date(), until.astimezone(plan.zone).date()):
        found += _ticks_of(plan, day)
        if len(found) > MAX_TICKS + len(plan.times):
            break
    wanted = found[bisect_right(found, after) : bisect_left(found, until)]
    if len(wanted) > MAX_TICKS:
        raise BadCron(f"cron {schedule!r} ticks more than {MAX_TICKS:,} times in the period; ask for a shorter one")
    return wanted


def next_tick(schedule: str, timezone: str, after: datetime) -> datetime | None:
    """Return the first tick strictly after `after`; None when it never comes."""
    plan = _plan(schedule, timezone)
    first = after.astimezone(plan.zone).date()
    for day in _days(plan, first, first + NEVER):
        if (found := _ticks_of(plan, day)) and found[-1] > after:
            return found[bisect_right(found, after)]
    return None


def smallest_gap(schedule: str, timezone: str, at: datetime) -> timedelta | None:
    """Return the shortest time between two ticks that follow each other, over some five weeks after `at`.

    A schedule that ticks more rarely gives the gap between its next two ticks; None when there are no two.
    """
    first = next_tick(schedule, timezone, at)
    second = next_tick(schedule, timezone, first) if first else None
    if first is None or second is None:
        return None
    return _smallest_gap(schedule, timezone, first, second)


@lru_cache(maxsize=4096)
def _smallest_gap(schedule: str, timezone: str, first: datetime, second: datetime) -> timedelta:
    plan, smallest, last = _plan(schedule, timezone), second - first, first
    start = first.astimezone(plan.zone).date()
    for day in _days(plan, start, start + GAPS_OVER):
        if smallest == MINUTE:
            break
        later = [tick for tick in _ticks_of(plan, day) if tick > last]
        smallest = min([smallest, *(after - before for before, after in pairwise([last, *later]))])
        last = later[-1] if later else last
    return smallest


@lru_cache(maxsize=4096)
def _plan(schedule: str, timezone: str) -> _Plan:
    try:
        days = CronSim(_canonical(schedule), datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise BadCron(
            f"cron {schedule[:100]!r} cannot be read: {error}; it needs five fields like 0 9 * * *"
        ) from error
    try:
        zone = ZoneInfo(timezone)
    except (OSError, ValueError, KeyError) as error:
        raise BadCron(f"{timezone[:100]!r} is no IANA time zone like Europe/Berlin") from error
    times = tuple(
        timedelta(hours=hour, minutes=minute) for hour in sorted(days.hours) for minute in sorted(days.minutes)
    )
    return _Plan(days, times, len(days.hours) == 24, zone)


def _canonical(schedule: str) -> str:
    """Write a schedule so that cronsim reads it as the scheduler's own library does.

    That one knows aliases, `?`, and expressions that leave out leading fields; and there `*/2` restricts a day
    field, while a range over all days does not (cronsim, after Debian, looks at the leading star alone).
    """
    parts = ALIASES.get(schedule.strip(), schedule).upper().split()
    if not 1 <= len(parts) <= FIELD_COUNT:
        raise CronSimError("Wrong number of fields")
    minute, hour, day, month, weekday = ["*"] * (FIELD_COUNT - len(parts)) + parts
    if "W" in day:
        raise CronSimError("Bad day-of-month")
    return " ".join((minute, hour, _restricting(day, "1-31"), month, _restricting(weekday, "0-7", "1-7")))


def _restricting(field: str, *whole: str) -> str:
    field = field.replace("?", "*")
    if field.removesuffix("/1") in ("*", *whole):
        return "*"
    return field.replace("*", whole[0])


def _days(plan: _Plan, first: date, last: date) -> Iterator[date]:
    day = first
    while day <= last:
        if day.month not in plan.days.months:
            day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
            continue
        if plan.days.match_day(day):
            yield day
        day += DAY


def _ticks_of(plan: _Plan, day: date) -> list[datetime]:
    midnight = datetime.combine(day, time(), tzinfo=plan.zone)
    offset = midnight.utcoffset()
    if offset is not None and offset == (midnight + DAY).utcoffset():
        start = datetime.combine(day, time(), tzinfo=UTC) - offset
        return [start + at for at in plan.times]
    return _ticks_of_changing_day(plan, midnight)


def _ticks_of_changing_day(plan: _Plan, midnight: datetime) -> list[datetime]:
    """Ticks of a day on which the clocks change, by the rules of the scheduler's library (cron-parser 4.9).

    With every hour named, ticks follow real time: both passes of a repeated hour, none in a skipped one. Otherwise a
    repeated time fires once, in its first pass, and of the skipped times only the first fires, one hour later on
    the clock; a skip at midnight loses it.
    """
    found: set[datetime] = set()
    may_shift = not plan.is_every_hour and _passes(midnight)[0] == _passes(midnight)[1]
    for at in plan.times:
        first, second = _passes(midnight + at)
        if first > second:
            if may_shift and first - second == HOUR:
                found.add(first)
            may_shift = False
            continue
        found.add(first)
        if plan.is_every_hour:
            found.add(second)
    return sorted(found)


def _passes(wall: datetime) -> tuple[datetime, datetime]:
    """Return both readings of a wall time: equal as a rule, in order when it is repeated, reversed when skipped."""
    return wall.replace(fold=0).astimezone(UTC), wall.replace(fold=1).astimezone(UTC)
