"""When the night begins on the days that have no 02:30, or 02:00 twice, by the calculation that Dagster's daemon makes."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path

import dagster as dg
import pytest

# Private, and the one that the daemon asks; there is no public door to it.
from dagster._utils.schedules import schedule_execution_time_iterator

from pipelines.orchestrate.jobs import nightly_schedule
from pipelines.settings import Settings

SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
YEAR = 365


def schedule(tmp_path: Path, at: str, zone: str) -> dg.ScheduleDefinition:
    return nightly_schedule(Settings.load(warehouse_dir=tmp_path, nightly_at=at, reporting_timezone=zone))


def ticks(schedule: dg.ScheduleDefinition, since: date, count: int) -> list[datetime]:
    """The next ticks after the beginning of a day."""
    after = datetime(since.year, since.month, since.day, tzinfo=UTC) - timedelta(hours=12)
    assert isinstance(schedule.cron_schedule, str)
    found = schedule_execution_time_iterator(
        after.timestamp(), schedule.cron_schedule, schedule.execution_timezone, ascending=True
    )
    return list(islice(found, count))


@pytest.mark.parametrize(
    ("at", "day", "begins"),
    [
        ("02:00", SPRING, "01:00"),  # 02:00 is not there: it begins when the clock jumps to 03:00
        ("02:30", SPRING, "01:00"),
        ("02:00", AUTUMN, "01:00"),  # 02:00 comes twice: it begins at the second, once
        ("02:30", AUTUMN, "01:30"),
        ("03:00", SPRING, "01:00"),
        ("03:00", AUTUMN, "02:00"),
    ],
)
def test_the_night_of_the_change_begins_once(tmp_path: Path, at: str, day: date, begins: str) -> None:
    three = ticks(schedule(tmp_path, at, "Europe/Berlin"), day - timedelta(days=1), 3)
    assert [tick.date() for tick in three] == [day - timedelta(days=1), day, day + timedelta(days=1)]
    assert f"{three[1].astimezone(UTC):%H:%M}" == begins


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"])
@pytest.mark.parametrize("at", ["02:00", "02:30"])
def test_each_day_of_a_year_has_one_night(tmp_path: Path, at: str, zone: str) -> None:
    found = ticks(schedule(tmp_path, at, zone), date(2026, 1, 2), YEAR)
    days = [tick.date() for tick in found]
    assert days == [days[0] + timedelta(days=number) for number in range(YEAR)]
    assert sum(f"{tick:%H:%M}" != at for tick in found) <= 1  # in the night that does not have that time


def test_a_tick_asks_for_one_run_of_the_nightly(tmp_path: Path) -> None:
    found = schedule(tmp_path, "02:30", "Europe/Berlin")
    for tick in ticks(found, SPRING - timedelta(days=1), 3):
        data = found.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=tick))
        assert len(data.run_requests or ()) == 1
        assert data.skip_message is None
    assert found.job_name == "nightly"
