"""Recovery: lost runs are found again within a budget, and a refused endpoint costs nothing but itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.load.rebuild import rebuild
from pipelines.simulator import Fault, SimTask
from tests.support.ground_truth import truth_of
from tests.support.polled_world import HOURLY, MINUTE, PolledWorld

PAST = 5 * MINUTE


@pytest.fixture
def world(tmp_path: Path) -> Iterator[PolledWorld]:
    yield PolledWorld(tmp_path, past=PAST)


@pytest.mark.slow
def test_runs_that_fell_out_of_the_window_are_found_in_the_listing(world: PolledWorld) -> None:
    world.poll(2)
    summary = world.poll(12)
    assert (summary.missing_run_count, summary.recovered_run_count) == (5, 5)
    assert world.rows("select runs_missing_count, recovered_count from core.coverage_gaps") == [(5, 5)]
    found = world.rows("select found_by, count(*), count(task_id), count(attempt_count) from core.runs group by all")
    assert sorted(found) == [("retrieve", 5, 5, 5), ("window", 8, 8, 8)]
    truth = {run.run_id: run for run in truth_of(world.sim).runs}
    observed = world.rows("select run_id, compute_cents, invocation_cents, attempt_count, outcome from core.runs")
    assert {row[0]: row[1:] for row in observed} == {
        run_id: (run.compute_cents, run.invocation_cents, run.attempt_count, run.outcome)
        for run_id, run in truth.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("status", [403, 404])
def test_a_refused_endpoint_costs_nothing_but_the_recovery(world: PolledWorld, status: int) -> None:
    world.poll(2)
    world.sim.add_fault(Fault(kind="runs_refused", status=status))
    summary = world.poll(12)
    assert summary.status == "succeeded"
    assert "not being recovered" in str(summary.recovery_note)
    assert str(status) in str(summary.recovery_note)
    assert (summary.missing_run_count, summary.recovered_run_count, summary.details_call_count) == (5, 0, 0)
    assert world.rows("select count(*) from core.runs") == [(8,)]


@pytest.mark.slow
def test_a_run_that_left_the_window_unfinished_is_finished_by_its_id(tmp_path: Path) -> None:
    slow = SimTask(task_id=HOURLY.task_id, cron="*/5 * * * *", duration_ms=(2_400_000, 2_500_000), mix={})
    world = PolledWorld(tmp_path, slow, past=PAST, details_per_poll=500)
    world.poll(1)
    assert world.rows("select count(*) from core.runs where not is_final") == [(5,)]
    world.poll(3)
    unfinished = world.rows(
        "select run_id, status from core.runs where not is_final and created_at < '2026-08-17 02:00'"
    )
    assert unfinished == []


@pytest.mark.slow
def test_the_budget_of_calls_holds_and_the_rest_follows(tmp_path: Path) -> None:
    world = PolledWorld(tmp_path, past=PAST, details_per_poll=3)
    counts = [world.poll(hours).details_call_count for hours in (4, 4.2, 4.4)]
    assert counts == [3, 2, 0]
    assert world.rows("select count(*) from core.runs where details_observed_at is null") == [(0,)]


@pytest.mark.slow
def test_details_can_be_switched_off(tmp_path: Path) -> None:
    world = PolledWorld(tmp_path, past=PAST, run_details="off")
    world.poll(2)
    assert world.poll(12).details_call_count == 0
    assert world.rows("select recovered_count from core.coverage_gaps") == [(0,)]


@pytest.mark.slow
def test_an_endpoint_in_trouble_is_left_alone_after_a_few_failures(world: PolledWorld) -> None:
    world.poll(4)
    world.sim.add_fault(Fault(kind="server_error", path="/api/tasks/runs"))
    summary = world.poll(9)
    assert summary.status == "succeeded"
    assert "failures in a row" in str(summary.recovery_note)
    world.sim.clear_faults()
    assert world.poll(9.5).details_call_count > 0, "what one poll did not get, the next asks for again"


@pytest.mark.slow
def test_rebuild_makes_the_same_tables_from_the_archive_alone(world: PolledWorld) -> None:
    for hours in (2, 12, 13):
        world.poll(hours)
    before = world.dump()
    assert rebuild(world.settings).poll_count == 3
    assert world.dump() == before
