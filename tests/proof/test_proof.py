"""The proof in short: a fleet through bad days, at both paces. benchmarks/proof.py runs it over months.

The judge is tested too: it must notice what it is there to notice.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.simulator import Fault
from tests.proof.judge import Verdict, judge
from tests.proof.world import HOUR, Details, Pace, World, only
from tests.proof.world import HOUR, Pace, World, only
from tests.support.large_fleet import large_fleet

START = datetime(2026, 9, 1, tzinfo=UTC)


def watched(folder: Path, pace: Pace, days: float, tasks: int, *cadences: str, details: Details = "off") -> World:
    fleet = large_fleet(7, START, max(int(days), 1), tasks)
    world = World(only(fleet, cadences) if cadences else fleet, START, folder, details)
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
        - found["surplus_skipped_count"]
        - (found["surplus_reconfigured_count"])
    )


def test_a_day_at_the_pace_of_the_sensor(tmp_path: Path) -> None:
    world = watched(tmp_path, "sensor", 1.5, 40, "hourly", "6-hourly", "daily")
    found = proved(world).numbers
    assert world.poll_count < 15
    overflown = world.con.execute("select count(*) from counted_missing where cause <> 'schedule_replaced'").fetchone()
    assert overflown == (0,), "only what ran between the last look at a task and its deletion"
    assert found["exact_day_count"] == found["day_count"] > 20


def test_the_judge_notices_what_is_lost_doubled_invented_and_miscounted(tmp_path: Path) -> None:
    world = World(only(large_fleet(7, START, 1, 20), {"hourly"}), START, tmp_path)
    for hours in (2, 30):
        world.poll(START + hours * HOUR)
    assert proved(world).numbers["missing_count"] > 10
    world.con.execute(
        """
        delete from core.missing_runs where tick_at = (select min(tick_at) from core.missing_runs);
        update core.runs set run_id = 'run_nobody' where run_id = (select max(run_id) from core.runs);
        update core.runs set compute_cents = compute_cents + 1e-20 where run_id = (select min(run_id) from core.runs);
        insert into core.missing_runs
        select task_id, created_at, (select min(gap_id) from core.coverage_gaps), null
        from core.runs where run_id = (select min(run_id) from core.runs)
        """
    )
    faults = judge(world, world.simulator.now, has_checks=False).faults
    noticed = {"lost_unseen", "counted_twice", "invented", "wrong_cents", "days_that_do_not_add_up"}
    assert noticed <= {name for name, count in faults.items() if count}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pace", "days", "tasks", "details"),
    [("nightly", 30, 60, "off"), ("nightly", 10, 40, "auto"), ("sensor", 2, 40, "off"), ("sensor", 1, 20, "auto")],
)
def test_longer(tmp_path: Path, pace: Pace, days: int, tasks: int, details: Details) -> None:
    proved(watched(tmp_path, pace, days, tasks, details=details), has_checks=True)


def test_a_run_that_could_not_be_read_is_not_called_missed(tmp_path: Path) -> None:
    world = World(only(large_fleet(7, START, 1, 20), {"hourly"}), START, tmp_path)
    world.simulator.add_fault(Fault(kind="bad_run", from_at=START + 4 * HOUR, to_at=START + 5 * HOUR))
    for hours in (2, 4.5, 12, 13):
        world.poll(START + hours * HOUR)
    assert world.con.execute("select count(*) from core.quarantine").fetchone() != (0,)
    faults = judge(world, world.simulator.now, has_checks=False).faults
    assert faults["missed_that_ran"] == 0
