"""Runs that are inserted minutes or hours after their tick, and ticks that a stall makes the source skip.

A run between the newest one seen and a look may still come: until then it is open, and lost in a hole it is missing.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.bodies import NOON, LoadHarness, few, task
from tests.support.coverage_helpers import accounted
from tests.support.late_source import LateSource, engine, look, statuses

FIVE, HOURLY, DAILY = "*/5 * * * *", "0 * * * *", "0 9 * * *"
HOLE, OPEN, MISSED, LATE, ON_TIME = (
    ("unobservable", "hole"),
    ("unobservable", "not_observed"),
    ("missed", None),
    ("late", None),
    ("on_time", None),
)


def at(clock: str, day: int = 20) -> datetime:
    hours, minutes, *seconds = (int(part) for part in clock.split(":"))
    return NOON.replace(day=day, hour=hours, minute=minutes, second=seconds[0] if seconds else 0)


class Case(NamedTuple):
    """What the engine did (late: tick -> insertion; never: ticks skipped or refused), when one looked, what is right."""

    schedule: str
    late: dict[str, str]
    never: tuple[str, ...]
    looks: tuple[str, ...]
    missing: list[str]
    judged: dict[str, tuple[str, str | None]]


def every(minutes: int, first: str, last: str) -> list[str]:
    tick, ticks = at(first), []
    while tick <= at(last):
        ticks.append(f"{tick:%H:%M}")
        tick += timedelta(minutes=minutes)
    return ticks


CASES = {
    "a run inserted after the look and pushed out unseen is missing": Case(
        FIVE,
        {"12:00": "12:09"},
        ("12:05",),
        ("11:58:10", "12:08", "15:01"),
        every(5, "12:00", "14:35"),
        {"11:55": ON_TIME, "12:00": HOLE, "14:35": HOLE, "14:40": ON_TIME, "15:00": ON_TIME},
    ),
    "a late run that the next look shows is late, and nothing is missing": Case(
        FIVE,
        {"12:00": "12:09"},
        ("12:05",),
        ("11:58:10", "12:08", "12:16"),
        [],
        {"11:55": ON_TIME, "12:00": LATE, "12:05": MISSED, "12:10": ON_TIME},
    ),
    "a tick of the last quarter of an hour is open while no later run is seen": Case(
        FIVE,
        {},
        ("11:45", "11:50", "11:55", "12:00"),
        ("11:42", "12:01"),
        [],
        {"11:40": ON_TIME, "11:45": MISSED, "11:50": OPEN, "11:55": OPEN, "12:00": OPEN},
    ),
    "a later run closes what is open: runs come in order": Case(
        FIVE,
        {},
        ("11:50",),
        ("11:47", "11:56"),
        [],
        {"11:45": ON_TIME, "11:50": MISSED, "11:55": ON_TIME},
    ),
    "the run of an hour's tick that is inserted a quarter after it": Case(
        HOURLY,
        {"10:00": "10:14"},
        (),
        ("9:30", "10:10", "18:30"),
        every(60, "10:00", "13:00"),
        {"9:00": ON_TIME, "10:00": HOLE, "13:00": HOLE, "14:00": ON_TIME},
    ),
    "after a stall of hours the oldest waiting tick may have run, the others of before the look were skipped": Case(
        FIVE,
        {"9:00": "11:03"},
        tuple(every(5, "9:05", "11:00")),
        ("8:58", "11:00:30", "13:01"),
        ["09:00", *every(5, "10:50", "12:35")],
        {"8:55": ON_TIME, "9:00": HOLE, "10:50": HOLE, "12:35": HOLE, "12:40": ON_TIME},
    ),
    "a stall that is over when one looks: the late run is late, the skipped ticks are missed": Case(
        FIVE,
        {"11:00": "11:42"},
        tuple(every(5, "11:05", "11:40")),
        ("10:58", "11:30", "11:51"),
        [],
        {"11:00": LATE, "11:05": MISSED, "11:40": MISSED, "11:45": ON_TIME},
    ),
    "a run that comes before its tick closes what was open": Case(
        FIVE,
        {"12:00": "11:59:35"},
        (),
        ("11:56", "11:59:50", "12:31"),
        ["12:05"],
        {"11:55": ON_TIME, "12:00": ON_TIME, "12:05": HOLE, "12:10": ON_TIME},
    ),
    "a daily run hours late, once it is there": Case(
        DAILY, {"9:00": "11:00"}, (), ("8:00", "10:30", "11:30"), [], {"9:00": LATE}
    ),
}


def lag_of(case: Case) -> Callable[[datetime], timedelta | None]:
    late = {at(tick): at(instant) - at(tick) for tick, instant in case.late.items()}
    never = {at(tick) for tick in case.never}
    return lambda tick: None if tick in never else late.get(tick, timedelta(0))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_each_kind_of_late_run(tmp_path: Path, name: str) -> None:
    case, harness = CASES[name], LoadHarness(tmp_path)
    source = LateSource(case.schedule, engine(case.schedule, at("0:00", 18), at("23:00"), lag_of(case)))
    looks = [at(instant) for instant in case.looks]
    look(harness, source, looks)
    runs, missing = accounted(harness)
    assert sorted(missing) == [at(tick) for tick in case.missing]
    assert not runs & missing
    judged = statuses(harness, looks[-1])
    assert {tick: judged[at(tick)] for tick in case.judged} == case.judged


@pytest.mark.slow
def test_holes_that_follow_each_other_count_no_tick_twice(tmp_path: Path) -> None:
    """Each look ends a hole and begins the next one, and the newest tick is late every time."""
    harness = LoadHarness(tmp_path)
    looks = [at("10:00:30") + n * timedelta(minutes=40) for n in range(4)]
    late = {tick: timedelta(minutes=4) for tick in (at("10:00"), at("10:40"), at("11:20"), at("12:00"))}
    source = LateSource(FIVE, engine(FIVE, at("0:00", 18), at("23:00"), lambda tick: late.get(tick, timedelta(0))))
    look(harness, source, looks)
    counted = harness.rows("select task_id, tick_at from core.missing_runs")
    assert len(counted) == len({row["tick_at"] for row in counted})
    runs, missing = accounted(harness)
    assert not runs & missing
    existed = {tick for tick in source.listed(looks[-1]) if tick >= min(runs)}
    assert runs | missing == existed
    assert at("10:00") in missing


@pytest.mark.slow
def test_a_hole_ends_where_a_replaced_schedule_was_seen_and_the_next_begins_there(tmp_path: Path) -> None:
    """The new schedule has no run yet when it is first seen: nothing but the hole before says where the next one begins."""
    harness = LoadHarness(tmp_path)
    source = LateSource(FIVE, engine(FIVE, at("0:00", 18), at("23:00"), lambda _: timedelta(0)))
    harness.poll(at("12:02"), [source.task(at("12:02"))])
    harness.poll(at("12:31"), [task(schedule=FIVE, trigger_schedule_id="sched_2")])
    harness.poll(at("13:32"), [source.task(at("13:32"), trigger_schedule_id="sched_2")])
    counted = [row["tick_at"] for row in harness.rows("from core.missing_runs order by tick_at")]
    assert counted == [at(tick) for tick in every(5, "12:05", "13:05")]


def test_what_a_deleted_task_may_have_run_late_is_missing(tmp_path: Path) -> None:
    harness = LoadHarness(tmp_path)
    source = LateSource(HOURLY, engine(HOURLY, at("0:00", 18), at("11:59"), lambda _: timedelta(0)))
    harness.poll(at("12:10"), [task("other", trigger_schedule_id=None), source.task(at("12:10"))])
    harness.poll(at("12:40"), [task("other", trigger_schedule_id=None)])
    assert sorted(accounted(harness)[1]) == [NOON]


def test_nothing_is_missing_from_before_the_first_look(tmp_path: Path) -> None:
    """A task made between two ticks of a quick schedule: its first look shows no run, and the next one overflows."""
    harness = LoadHarness(tmp_path)
    source = LateSource(FIVE, engine(FIVE, at("12:01"), at("23:00"), lambda _: timedelta(0)))
    look(harness, source, [at("12:02"), at("13:02")])
    assert sorted(accounted(harness)[1]) == [at(tick) for tick in every(5, "12:05", "12:35")]


@pytest.mark.slow
def test_the_allowance_grows_with_the_lateness_seen_and_is_shown(tmp_path: Path) -> None:
    """One run came at least 40 minutes late: so long every tick of the fleet stays open."""
    harness = LoadHarness(tmp_path)
    late = {at("10:00"): timedelta(minutes=45)}
    source = LateSource(HOURLY, engine(HOURLY, at("0:00", 18), at("12:00"), lambda tick: late.get(tick, timedelta(0))))
    look(harness, source, [at("9:30"), at("10:40")])
    assert statuses(harness, at("10:40"))[at("10:00")] == MISSED
    look(harness, source, [at("11:01"), at("12:39")])
    assert statuses(harness, at("12:39"))[NOON] == OPEN
    assert harness.rows("select * exclude (as_of_at) from marts.run_lateness") == [
        {"late_run_count": 1, "largest_lateness_seconds": 2400, "lateness_allowance_seconds": 2400}
    ]
    look(harness, source, [at("12:41")])
    assert statuses(harness, at("12:41"))[NOON] == MISSED


LAGS = st.sampled_from([0, 0, 0, 0, -30, 20, 90, 240, 600, 890])
STALLS = st.sampled_from([0, 0, 0, 0, 0, -30, 60, 600, 3600, 5 * 3600])
LOOK = st.tuples(st.integers(1, 5400), st.sampled_from(["poll", "poll", "poll", "outage"]))
LOOKS = st.lists(LOOK, min_size=3, max_size=9)


# The newest run seen is an hour late itself, so that the tick that waits behind it is not the next one.
LATE_TWICE = [0] * 6 + [3600] + [0] * 12 + [18000] + [0] * 20


@pytest.mark.slow
@few
@given(st.one_of(st.lists(LAGS, min_size=40, max_size=40), st.lists(STALLS, min_size=40, max_size=40)), LOOKS)
@example(LATE_TWICE, [(5335, "poll"), (4878, "poll"), (5953, "poll"), (5399, "outage")])
def test_every_run_that_existed_is_kept_or_counted_and_none_is_called_missed(
    tmp_path_factory: pytest.TempPathFactory, lags: list[int], plan: list[tuple[int, str]]
) -> None:
    harness, now, number = LoadHarness(tmp_path_factory.mktemp("late")), NOON, 0

    def lag(_: datetime) -> timedelta:
        nonlocal number
        number += 1
        return timedelta(seconds=lags[number % len(lags)])

    source = LateSource(FIVE, engine(FIVE, NOON - timedelta(hours=2), NOON + timedelta(hours=20), lag))
    for step, kind in [(0, "poll"), *plan, (1, "poll")]:
        now += timedelta(seconds=step)
        shown = source.task(now) if kind == "poll" else task(schedule=FIVE, timezone=None)
        harness.poll(now, [shown])
    runs, missing = accounted(harness)
    first = harness.one("select observed_from_at from core.tasks")
    existed = {tick for tick in source.listed(now) if tick >= first}
    assert not runs & missing, "nothing is counted twice"
    assert len(existed - runs) <= len(missing), "as many are counted as were lost"
    judged = statuses(harness, now)
    unnamed = existed - runs - missing
    assert all(judged[tick] == HOLE for tick in unnamed), "no run is lost unseen"
    assert len(unnamed) <= harness.one("select count(*) from core.coverage_gaps"), "each hole has one that waited"
    assert not {tick for tick in existed if judged.get(tick) == MISSED}, "no run is called missed"
