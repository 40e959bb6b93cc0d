"""Cron ticks against two oracles: croniter on ordinary days, the scheduler's own library where clocks change."""

import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pipelines.schedule import cron
from pipelines.schedule.cron import BadCron, is_valid, next_tick, smallest_gap, ticks

SUPPORT = Path(__file__).parents[1] / "support"
RECORDED = json.loads((SUPPORT / "data" / "cron_parser_ticks.json").read_text(encoding="utf-8"))
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Sydney", "America/Sao_Paulo", "UTC", "Asia/Kolkata")
NOON = datetime(2026, 8, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
few = settings(max_examples=60, deadline=None)

minutes = st.one_of(
    st.sampled_from(["0", "30", "*", "*/5", "*/15", "7/20", "0,30", "10-12", "0-59/10"]), st.integers(0, 59).map(str)
)
hours = st.one_of(
    st.sampled_from(["*", "9", "*/2", "*/6", "9-17", "0,12", "22-23", "1-23/4"]), st.integers(0, 23).map(str)
)
days = st.sampled_from(["*", "*", "*", "1", "15", "1,15", "1-7", "31", "28-31", "L"])
months = st.sampled_from(["*", "*", "*", "*", "1", "JAN", "mar,oct", "*/3", "6-8"])
weekdays = st.sampled_from(["*", "*", "*", "0", "7", "1-5", "MON", "sat,SUN", "2,4", "MON-FRI"])
schedules = st.builds("{} {} {} {} {}".format, minutes, hours, days, months, weekdays)
zones = st.sampled_from(ZONES)
instants = st.integers(0, 13 * 365 * 86_400).map(
    lambda second: datetime(2017, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
)


def changes_between(zone: str, first: datetime, last: datetime) -> list[date]:
    """The local dates, one to each side included, around which the zone changes its offset."""
    near: list[date] = []
    at = first - DAY
    while at <= last + DAY:
        local, later = at.astimezone(ZoneInfo(zone)), (at + DAY).astimezone(ZoneInfo(zone))
        if local.utcoffset() != later.utcoffset():
            near += [local.date(), later.date()]
        at += DAY
    return near


@few
@given(schedules, zones, instants, st.integers(1, 12 * 24))
@example("0 0 * * *", "America/Sao_Paulo", datetime(2018, 11, 1, tzinfo=UTC), 120)
@example("0 9 29 2 *", "UTC", datetime(2028, 2, 20, tzinfo=UTC), 288)
def test_days_without_a_clock_change_agree_with_croniter(schedule: str, zone: str, after: datetime, span: int) -> None:
    until, local = after + timedelta(hours=span), ZoneInfo(zone)
    oracle = croniter(schedule, after.astimezone(local))
    expected: list[datetime] = []
    while (tick := oracle.get_next(datetime)).astimezone(UTC) < until:
        expected.append(tick.astimezone(UTC))
    changes = changes_between(zone, after, until)
    mine = [tick for tick in ticks(schedule, zone, after, until) if tick.astimezone(local).date() not in changes]
    assert mine == [tick for tick in expected if tick.astimezone(local).date() not in changes]


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: f"{case[1]} {case[2][:10]} {case[0]}")
def test_clock_changes_agree_with_the_schedulers_library(case: tuple[str, str, str, str, list[str]]) -> None:
    schedule, zone, after, until, expected = case
    found = ticks(schedule, zone, datetime.fromisoformat(after), datetime.fromisoformat(until))
    assert [tick.strftime("%Y-%m-%dT%H:%MZ") for tick in found] == expected


def local_ticks(schedule: str, zone: str, day: datetime) -> list[str]:
    found = ticks(schedule, zone, day - timedelta(seconds=1), day + DAY)
    return [tick.astimezone(ZoneInfo(zone)).strftime("%H:%M%z") for tick in found]


SPRING = datetime(2026, 3, 28, 23, tzinfo=UTC)
FALL = datetime(2026, 10, 24, 22, tzinfo=UTC)


def test_a_skipped_time_fires_one_hour_later_on_the_clock() -> None:
    assert local_ticks("30 2 * * *", "Europe/Berlin", SPRING) == ["03:30+0200"]
    assert local_ticks("0 2 * * *", "Europe/Berlin", SPRING) == ["03:00+0200"]


def test_only_the_first_of_several_skipped_times_fires_and_never_twice_at_once() -> None:
    assert local_ticks("*/15 2 * * *", "Europe/Berlin", SPRING) == ["03:00+0200"]
    assert local_ticks("0 1-3 * * *", "Europe/Berlin", SPRING) == ["01:00+0100", "03:00+0200"]


def test_a_time_skipped_at_midnight_is_lost() -> None:
    before, after = datetime(2026, 9, 5, 12, tzinfo=UTC), datetime(2026, 9, 8, tzinfo=UTC)
    assert ticks("0 0 * * *", "America/Santiago", before, after) == [datetime(2026, 9, 7, 3, tzinfo=UTC)]


def test_a_repeated_time_fires_once_at_its_first_pass() -> None:
    assert local_ticks("30 2 * * *", "Europe/Berlin", FALL) == ["02:30+0200"]
    assert local_ticks("*/30 2-3 * * *", "Europe/Berlin", FALL) == [
        "02:00+0200",
        "02:30+0200",
        "03:00+0100",
        "03:30+0100",
    ]


def test_every_hour_means_every_real_hour() -> None:
    assert (
        len(ticks("0 * * * *", "Europe/Berlin", SPRING - timedelta(seconds=1), SPRING + 23 * timedelta(hours=1))) == 23
    )
    assert local_ticks("30 * * * *", "Europe/Berlin", FALL)[1:4] == ["01:30+0200", "02:30+0200", "02:30+0100"]
    quarters = ticks("*/15 * * * *", "Europe/Berlin", FALL, FALL + DAY)
    assert {later - before for before, later in pairwise(quarters)} == {timedelta(minutes=15)}


@few
@given(schedules, zones, instants, st.integers(0, 6 * 24), st.integers(0, 6 * 24))
def test_a_period_is_the_sum_of_its_parts(schedule: str, zone: str, after: datetime, one: int, two: int) -> None:
    after = after.replace(second=0, microsecond=0)
    middle = after + timedelta(hours=one)
    end = middle + timedelta(hours=two)
    whole = ticks(schedule, zone, after, end)
    assert whole == sorted(set(whole)) and all(after < tick < end for tick in whole)
    assert all(tick.tzinfo is UTC and (tick.second, tick.microsecond) == (0, 0) for tick in whole)
    parts = [*ticks(schedule, zone, after, middle), *ticks(schedule, zone, middle, end)]
    assert [tick for tick in whole if tick != middle] == parts


@few
@given(schedules, zones, instants)
def test_the_next_tick_opens_the_list(schedule: str, zone: str, after: datetime) -> None:
    tick = next_tick(schedule, zone, after)
    assert tick is not None and tick > after
    assert ticks(schedule, zone, after, tick) == []
    assert ticks(schedule, zone, after, tick + timedelta(seconds=1)) == [tick]
    assert next_tick(schedule, zone, tick - timedelta(microseconds=1)) == tick


@few
@given(schedules, zones, instants)
def test_the_smallest_gap_is_the_smallest_difference(schedule: str, zone: str, at: datetime) -> None:
    gap = smallest_gap(schedule, zone, at)
    first = next_tick(schedule, zone, at)
    assert gap is not None and first is not None
    found = ticks(schedule, zone, at, first + timedelta(days=34))
    assume(len(found) > 1)
    assert gap <= min(later - before for before, later in pairwise(found))
    more = ticks(schedule, zone, at, first + timedelta(days=37))
    assert gap in {later - before for before, later in pairwise(more)}


@pytest.mark.parametrize(
    ("schedule", "gap"),
    [
        ("* * * * *", timedelta(minutes=1)),
        ("*/5 * * * *", timedelta(minutes=5)),
        ("0 9,11 * * 1", timedelta(hours=2)),
        ("0 9 * * *", DAY),
        ("0 9 * * 1-5", DAY),
        ("0 9 * * 4", 7 * DAY),
        ("0 9 1 * *", 30 * DAY),
        ("0 9 1 1 *", 365 * DAY),
        ("50-59/9 0-23/23 * * *", timedelta(minutes=9)),
    ],
)
def test_smallest_gaps_of_the_usual_cadences(schedule: str, gap: timedelta) -> None:
    assert smallest_gap(schedule, "UTC", NOON) == gap


@pytest.mark.parametrize(
    ("schedule", "same"),
    [
        ("@daily", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
        ("@weekly", "0 0 * * SUN"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("  0 9 * * *  ", "0 9 * * *"),
        ("0 9 ? * MON", "0 9 * * 1"),
        ("9 * * *", "* 9 * * *"),
        ("0 9 * * 1-7", "0 9 * * *"),
        ("0 9 */1 * 5", "0 9 * * 5"),
    ],
)
def test_other_ways_to_write_a_schedule(schedule: str, same: str) -> None:
    until = NOON + 150 * DAY
    assert ticks(schedule, "Europe/Berlin", NOON, until) == ticks(same, "Europe/Berlin", NOON, until) != []


def test_a_stepped_day_of_month_widens_a_weekday_as_in_the_scheduler() -> None:
    """`*/2` restricts the day of the month there, so either field is enough; cronsim alone would want both."""
    found = ticks("0 9 */2 * MON", "UTC", datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 9, tzinfo=UTC))
    assert [tick.day for tick in found] == [1, 3, 5, 7, 8]


@pytest.mark.parametrize(
    "schedule",
    ["", " ", "daily", "0 9 * * * *", "60 * * * *", "0 24 * * *", "0 9 0 * *", "0 9 * 13 *", "0 9 * * 8", "*/0 * * * *"]
    + ["0 9 * * MOON", "0 9 31 4 *", "0 9 LW * *", "5-1 * * * *", "@fortnightly", "0,, 9 * * *", "é 9 * * *"],
)
def test_what_cannot_be_read_says_so(schedule: str) -> None:
    assert not is_valid(schedule)
    for ask in (next_tick, smallest_gap):
        with pytest.raises(BadCron):
            ask(schedule, "UTC", NOON)
    with pytest.raises(BadCron, match="five fields like 0 9"):
        ticks(schedule, "UTC", NOON, NOON + DAY)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "Europe", "/etc/passwd", "../UTC", "UTC\0"])
def test_an_unknown_zone_says_so(zone: str) -> None:
    assert is_valid("0 9 * * *", "Asia/Kolkata") and not is_valid("0 9 * * *", zone)
    with pytest.raises(BadCron, match="no IANA time zone"):
        ticks("0 9 * * *", zone, NOON, NOON + DAY)


def test_rare_days_are_found() -> None:
    assert next_tick("0 9 29 2 *", "UTC", datetime(2096, 3, 1, tzinfo=UTC)) == datetime(2104, 2, 29, 9, tzinfo=UTC)
    assert next_tick("0 9 * 2 MON#5", "UTC", NOON) == datetime(2044, 2, 29, 9, tzinfo=UTC)
    assert smallest_gap("0 9 29 2 *", "UTC", NOON) == 1461 * DAY


def test_more_ticks_than_can_be_counted_are_refused_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cron, "MAX_TICKS", 1000)
    after = NOON - timedelta(seconds=1)
    assert len(ticks("* * * * *", "UTC", after, after + timedelta(minutes=1000))) == 1000
    with pytest.raises(BadCron, match="more than 1,000 times"):
        ticks("* * * * *", "UTC", after, after + timedelta(days=365 * 50))


def test_an_empty_or_reversed_period_has_no_ticks() -> None:
    assert ticks("* * * * *", "UTC", NOON, NOON) == []
    assert ticks("* * * * *", "UTC", NOON, NOON + timedelta(minutes=1)) == []
    assert ticks("* * * * *", "UTC", NOON + DAY, NOON) == []
