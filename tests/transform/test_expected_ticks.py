"""When tasks had to run: ticks of the configurations in force, filled up build by build as if all at once.

Whether they did is told in schedule_adherence's own examples, and by tests/proof over simulated months.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.schedule import cron
from pipelines.transform.expected_ticks import fill_expected
from tests.support.bodies import EXAMPLES, NOON, LoadHarness, run, task
from tests.support.warehouse_builder import WarehouseBuilder, models, utc

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
DAILY: dict[str, Any] = {"schedule": "0 9 * * *", "timezone": "Europe/Berlin", "schedule_id": "s"}


def ticks(house: WarehouseBuilder, as_of: datetime, zone: str = "UTC") -> list[datetime]:
    fill_expected(house.con, as_of=as_of, reporting_timezone=zone)
    return [row[0] for row in house.query("select tick_at from core.expected_ticks order by all")]


def test_ticks_reach_from_the_first_observation_to_the_end_of_next_month() -> None:
    house = WarehouseBuilder().task("t", observed_from_at=utc("2026-10-23T08:00"), **DAILY)
    house.version("t", **DAILY, valid_from=utc("2026-10-24T00:00"))
    found = ticks(house, utc("2026-10-26T08:00"), "Europe/Berlin")
    assert found[:4] == [utc(f"2026-10-{day}") for day in ("24T07:00", "25T08:00", "26T08:00", "27T08:00")]
    assert found[-1] == utc("2026-11-30T08:00")
    first_future = house.query("select min(tick_at) from core.expected_ticks where is_future")
    assert first_future == [(utc("2026-10-27T08:00"),)], "a tick at the very now is due"


def test_disabled_unscheduled_and_unreadable_versions_expect_nothing() -> None:
    house = WarehouseBuilder()
    odd_ones: dict[str, dict[str, Any]] = {
        "off": {"is_enabled": False},
        "bare": {"schedule_id": None},
        "odd": {"schedule": "now and then"},
        "lost": {"timezone": "Mars/Base"},
    }
    for name, over in odd_ones.items():
        house.task(name, **DAILY | over).version(name, **DAILY | over, valid_from=utc("2026-08-01"))
    house.task("unseen", **DAILY, observed_from_at=None).version("unseen", **DAILY)
    assert ticks(house, NOON) == []
    readable = dict(house.query("select schedule || timezone, is_readable from core.schedule_gaps"))
    assert readable["now and thenEurope/Berlin"] is readable["0 9 * * *Mars/Base"] is False
    assert readable["0 9 * * *Europe/Berlin"] is True
    gaps = house.query("select smallest_gap_ms from core.schedule_gaps where schedule = '0 9 * * *' and is_readable")
    assert gaps == [(86_400_000,)]


@pytest.mark.slow
def test_a_cron_of_every_minute_may_be_observed_for_long() -> None:
    house = WarehouseBuilder()
    each: dict[str, Any] = {"schedule": "* * * * *", "timezone": "UTC", "schedule_id": "s"}
    house.task("t", observed_from_at=utc("2026-04-01"), **each).version("t", **each, valid_from=utc("2026-04-01"))
    assert len(ticks(house, utc("2026-08-20"))) == (utc("2026-10-01") - utc("2026-04-01")) // timedelta(minutes=1)


CONFIGURATIONS = st.sampled_from(
    [
        DAILY,
        {"schedule": "0 */6 * * *", "timezone": "America/New_York", "schedule_id": "s"},
        {"schedule": "30 2 * * *", "timezone": "America/New_York", "schedule_id": "s"},
        {"schedule": "30 2 * * *", "timezone": "America/New_York", "schedule_id": None, "is_enabled": False},
    ]
)


@pytest.mark.slow
@settings(max_examples=3 * EXAMPLES, deadline=None)
@given(st.lists(st.tuples(CONFIGURATIONS, st.integers(1, 400), st.booleans()), min_size=1, max_size=6))
def test_build_by_build_is_as_all_at_once(steps: list[tuple[dict[str, Any], int, bool]]) -> None:
    """Around a change of clocks; each step a new configuration, then a build or not."""
    house, at = WarehouseBuilder(), utc("2026-10-20T00:30")
    house.task("t", observed_from_at=at, **DAILY)
    wanted: list[datetime] = []
    for number, (configuration, hours, has_build) in enumerate(steps, start=1):
        house.con.execute("update core.task_versions set valid_to = ?, is_current = false where is_current", [at])
        house.version("t", number, **configuration, valid_from=at)
        until = at + hours * HOUR if number < len(steps) else utc("2027-03-01")
        if configuration.get("is_enabled", True):
            schedule = (configuration["schedule"], configuration["timezone"])
            wanted += cron.ticks(*schedule, at - timedelta.resolution, until)
        at += hours * HOUR
        if has_build:
            ticks(house, at)
    now = utc("2027-01-15T07:00")
    assert ticks(house, now) == wanted
    future = house.query("select tick_at from core.expected_ticks where is_future order by all")
    assert [row[0] for row in future] == [tick for tick in wanted if tick > now]
    assert ticks(house, now - 20 * DAY)[-1:] == [tick for tick in wanted if tick < utc("2027-02-01")][-1:], "back again"


@pytest.mark.slow
def test_a_schedule_changed_between_two_nights_makes_no_tick_missed(tmp_path: Path) -> None:
    """09:00 became 15:00 at some time of the day; the nightly poll sees both only afterwards."""
    harness = LoadHarness(tmp_path)
    runs = [run(f"run_{day}", NOON.replace(hour=9) - day * DAY) for day in range(4, 0, -1)]
    harness.poll(NOON - 10 * HOUR, [task(runs=runs[::-1])])
    runs.append(run("run_0", NOON.replace(hour=15)))
    harness.poll(NOON + 14 * HOUR, [task(schedule="0 15 * * *", runs=runs[::-1])])
    fill_expected(harness.con, as_of=NOON + 14 * HOUR, reporting_timezone="UTC")
    names = ("tick_runs", "run_lateness", "schedule_adherence")
    for one in (one for one in models() if one.name in names):
        harness.con.execute(
            f"create table {one.relation} as {one.sql}".replace(
                "core.build_context",
                "(select '2026-08-21T02:00:00Z'::timestamptz as as_of_at, 'UTC' as reporting_timezone)",
            )
        )
    found = harness.rows("select tick_at, status, unobservable_reason from marts.schedule_adherence order by tick_at")
    assert [(row["tick_at"].day, row["status"]) for row in found] == [
        (16, "on_time"), (17, "on_time"), (18, "on_time"), (19, "on_time"), (20, "unobservable")
    ]  # fmt: skip
    assert found[-1]["unobservable_reason"] == "configuration_uncertain"
