"""The proof in short: a fleet through bad days, at both paces. benchmarks/proof.py runs it over months.

The judge is tested too: it must notice what it is there to notice.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.simulator import Fault, Fleet, SimRun, SimTask
from tests.proof.judge import Verdict, judge
from tests.proof.world import HOUR, Details, Pace, World, made_late, only
from tests.support.large_fleet import large_fleet
from tests.support.simulator_helpers import PART

START = datetime(2026, 9, 1, tzinfo=UTC)


def watched(
    folder: Path, pace: Pace, days: float, tasks: int, *cadences: str, details: Details = "off", is_late: bool = False
) -> World:
    fleet = large_fleet(7, START, max(int(days), 1), tasks)
    fleet = only(fleet, cadences) if cadences else fleet
    world = World(made_late(fleet, START, int(days)) if is_late else fleet, START, folder, details)
    world.bad_days(int(days), 7)
    until = START + timedelta(days=days)
    for _ in world.run(pace, until):
        pass
    world.look_again(until)
    return world


def proved(world: World, *, has_checks: bool = False) -> Verdict:
    verdict = judge(world, world.simulator.now, has_checks=has_checks)
    assert verdict.is_proved, (verdict.faults, verdict.failed_checks)
    return verdict


@pytest.mark.slow
def test_a_week_of_nights(tmp_path: Path) -> None:
    found = proved(watched(tmp_path, "nightly", 6, 16)).numbers
    assert found["observed_count"] > 100
    assert found["missing_count"] > 1000, "the quick ones overflow every night"
    assert (
        found["existed_count"]
        == found["observed_count"]
        + found["missing_count"]
        - found["skipped_counted_missing"]
        - found["surplus_reconfigured_count"]
    )


@pytest.mark.slow
def test_a_day_at_the_pace_of_the_sensor(tmp_path: Path) -> None:
    world = watched(tmp_path, "sensor", 1.5, 40, "hourly", "6-hourly", "daily")
    found = proved(world).numbers
    assert world.poll_count < 15
    overflown = world.con.execute("select count(*) from counted_missing where cause <> 'schedule_replaced'").fetchone()
    assert overflown == (0,), "only what ran between the last look at a task and its deletion"
    assert found["exact_day_count"] == found["day_count"] > 20


@pytest.mark.slow
def test_the_judge_notices_what_is_lost_doubled_invented_and_miscounted(tmp_path: Path) -> None:
    world = World(only(large_fleet(7, START, 1, 20), {"hourly"}), START, tmp_path)
    for hours in (2, 30):
        world.poll(START + hours * HOUR)
    assert proved(world).numbers["missing_count"] > 10
    world.con.execute(
        """
        delete from core.missing_runs where tick_at = (select min(tick_at) from core.missing_runs);
        update core.runs set run_id = 'run_nobody' where run_id = (select max(run_id) from core.runs);
        update core.runs set compute_cents = compute_cents + 0.00000000000000000001
        where run_id = (select min(run_id) from core.runs);
        insert into core.missing_runs by name
        select task_id, created_at as tick_at, (select min(gap_id) from core.coverage_gaps) as gap_id
        from core.runs where run_id = (select min(run_id) from core.runs)
        """
    )
    faults = judge(world, world.simulator.now, has_checks=False).faults
    noticed = {"lost_unseen", "counted_twice", "invented", "wrong_cents", "days_that_do_not_add_up"}
    assert noticed <= {name for name, count in faults.items() if count}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pace", "days", "tasks", "details"),
    [
        ("nightly", 30 * PART, 60, "off"),
        ("nightly", 10, 40, "auto"),
        ("sensor", 2 * PART, 40, "off"),
        ("sensor", 0.4, 20, "auto"),
    ],
    ids=["nights", "nights with details", "by the sensor", "by the sensor with details"],
)
def test_longer(tmp_path: Path, pace: Pace, days: float, tasks: int, details: Details) -> None:
    proved(watched(tmp_path, pace, days, tasks, details=details), has_checks=True)


@pytest.mark.slow
def test_a_run_that_could_not_be_read_is_not_called_missed(tmp_path: Path) -> None:
    world = World(only(large_fleet(7, START, 1, 20), {"hourly"}), START, tmp_path)
    world.simulator.add_fault(Fault(kind="bad_run", from_at=START + 4 * HOUR, to_at=START + 5 * HOUR))
    for hours in (2, 4.5, 12, 13):
        world.poll(START + hours * HOUR)
    assert world.con.execute("select count(*) from core.quarantine").fetchone() != (0,)
    faults = judge(world, world.simulator.now, has_checks=False).faults
    assert faults["missed_that_ran"] == 0


TASK = "0a81abcb-50cc-411b-935c-b2a9ba4ae623"


def looked_at(folder: Path, runs: tuple[SimRun, ...], *minutes: float) -> World:
    """Return a world with one task of every five minutes, polled at so many minutes after START."""
    world = World(Fleet([SimTask(task_id=TASK, cron="*/5 * * * *", runs=runs)], start=START), START, folder)
    for minute in minutes:
        world.poll(START + timedelta(minutes=minute))
    return world


def five_minutes(*ticks: int, **inserted: int) -> tuple[SimRun, ...]:
    """Return runs at so many minutes after START; `at_720=729` states when that of minute 720 is inserted."""

    def run(tick: int) -> SimRun:
        late = inserted.get(f"at_{tick}")
        return SimRun(
            created_at=START + timedelta(minutes=tick),
            inserted_at=None if late is None else START + timedelta(minutes=late),
        )

    return tuple(run(tick) for tick in ticks)


def status_at(world: World, tick: int) -> str | None:
    """Return the verdict on the tick so many minutes after START."""
    query = "select status from marts.schedule_adherence where tick_at = ?"
    row = world.con.execute(query, [START + timedelta(minutes=tick)]).fetchone()
    return None if row is None else row[0]


@pytest.mark.slow
def test_a_run_that_is_inserted_after_the_look_at_its_time_is_counted_when_nobody_sees_it(tmp_path: Path) -> None:
    runs = five_minutes(*range(690, 721, 5), *range(730, 901, 5), at_720=729)
    world = looked_at(tmp_path, runs, 718 + 1 / 6, 728, 901)
    proved(world)
    assert status_at(world, 720) == "unobservable"
    query = "select count(*) from counted_missing where tick_at = ?"
    assert world.con.execute(query, [START + timedelta(minutes=720)]).fetchone() == (1,)


@pytest.mark.slow
def test_a_late_run_that_a_look_sees_is_kept_and_late(tmp_path: Path) -> None:
    runs = five_minutes(*range(690, 721, 5), *range(730, 901, 5), at_720=729)
    world = looked_at(tmp_path, runs, 718 + 1 / 6, 728, 733, 901)
    found = proved(world).numbers
    assert status_at(world, 720) == "late"
    assert found["existed_count"] == found["observed_count"] + found["missing_count"] - found["skipped_counted_missing"]


@pytest.mark.slow
def test_a_run_that_is_listed_before_its_tick_is_kept_and_on_time(tmp_path: Path) -> None:
    world = looked_at(tmp_path, five_minutes(5, 10, 15, at_15=14), 11, 14.5, 16, 25)
    assert proved(world).numbers["observed_count"] == 3
    assert [status_at(world, tick) for tick in (5, 10, 15)] == ["on_time"] * 3


@pytest.mark.slow
def test_the_judge_notices_a_miss_that_ran_and_tells_pending_ticks_apart(tmp_path: Path) -> None:
    world = looked_at(tmp_path, five_minutes(5, 10, 15, at_15=70), 11, 60)
    verdict = judge(world, world.simulator.now, has_checks=False)
    assert verdict.is_proved
    assert verdict.numbers["missed_pending_count"] == 1


@pytest.mark.slow
def test_the_warehouse_does_not_answer_for_a_run_that_came_after_its_last_look(tmp_path: Path) -> None:
    world = looked_at(tmp_path, five_minutes(5, 10, 15, at_15=20), 11, 17)
    verdict = judge(world, START + timedelta(minutes=30), has_checks=False)
    assert (verdict.numbers["existed_count"], verdict.faults["lost_unseen"]) == (2, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pace", "days", "tasks", "cadences"),
    [
        ("nightly", 10, 40, ()),
        ("sensor", 3, 40, ("hourly", "6-hourly", "daily")),
    ],
)
def test_with_late_runs(tmp_path: Path, pace: Pace, days: int, tasks: int, cadences: tuple[str, ...]) -> None:
    found = proved(watched(tmp_path, pace, days, tasks, *cadences, is_late=True), has_checks=True).numbers
    surplus = found["skipped_counted_missing"] + found["pending_counted_missing"] + found["surplus_reconfigured_count"]
    assert found["existed_count"] == found["observed_count"] + found["missing_count"] - surplus
    assert found["stalled_counted_missing"] > 0
