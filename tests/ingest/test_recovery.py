"""Recovery: lost runs are found again within a budget, and a refused endpoint costs nothing but itself."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.clock import fixed
from pipelines.database.connection import Warehouse
from pipelines.ingest.poll import poll
from pipelines.load.poll_rows import PollSummary
from pipelines.load.rebuild import rebuild
from pipelines.recoup.client import RecoupClient
from pipelines.settings import Settings
from pipelines.simulator import Fault, Fleet, SimTask, Simulator, SimulatorTransport
from tests.support.ground_truth import truth_of

START = datetime(2026, 8, 17, tzinfo=UTC)
HOURLY = SimTask(task_id="0a81abcb-50cc-411b-935c-b2a9ba4ae623", cron="0 * * * *", mix={"failed": 0.3})
HOUR = timedelta(hours=1)


class World:
    """One simulated API and one warehouse that polls it."""

    def __init__(self, folder: Path, task: SimTask, **settings: Any) -> None:
        self.sim = Simulator(Fleet([task], seed=3, start=START), now=START)
        self.settings = Settings.load(
            warehouse_dir=folder, api_url="http://127.0.0.1", api_key="recoup_sk_simulated", privacy_key="k", **settings
        )

    def poll(self, hours: float) -> PollSummary:
        at = START + hours * HOUR + timedelta(minutes=5)
        self.sim.set_now(at)
        transport = SimulatorTransport(self.sim)
        with RecoupClient(self.settings, clock=fixed(at), transport=transport, sleep=lambda _: None) as client:
            return poll(self.settings, clock=fixed(at), client=client)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with Warehouse.of(self.settings).write() as con:
            return con.execute(query).fetchall()

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        with Warehouse.of(self.settings).write() as con:
            names = con.execute("select table_name from duckdb_tables() where schema_name = 'core'").fetchall()
            return {name: sorted(con.execute(f"from core.{name}").fetchall(), key=repr) for (name,) in names}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    yield World(tmp_path, HOURLY)


def test_runs_that_fell_out_of_the_window_are_found_in_the_listing(world: World) -> None:
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


@pytest.mark.parametrize("status", [403, 404])
def test_a_refused_endpoint_costs_nothing_but_the_recovery(world: World, status: int) -> None:
    world.poll(2)
    world.sim.add_fault(Fault(kind="runs_refused", status=status))
    summary = world.poll(12)
    assert summary.status == "succeeded"
    assert "not being recovered" in str(summary.recovery_note)
    assert str(status) in str(summary.recovery_note)
    assert (summary.missing_run_count, summary.recovered_run_count, summary.details_call_count) == (5, 0, 0)
    assert world.rows("select count(*) from core.runs") == [(8,)]


def test_a_run_that_left_the_window_unfinished_is_finished_by_its_id(tmp_path: Path) -> None:
    slow = SimTask(task_id=HOURLY.task_id, cron="*/5 * * * *", duration_ms=(2_400_000, 2_500_000), mix={})
    world = World(tmp_path, slow, details_per_poll=500)
    world.poll(1)
    assert world.rows("select count(*) from core.runs where not is_final") == [(5,)]
    world.poll(3)
    unfinished = world.rows(
        "select run_id, status from core.runs where not is_final and created_at < '2026-08-17 02:00'"
    )
    assert unfinished == []


def test_the_budget_of_calls_holds_and_the_rest_follows(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY, details_per_poll=3)
    counts = [world.poll(hours).details_call_count for hours in (4, 4.2, 4.4)]
    assert counts == [3, 2, 0]
    assert world.rows("select count(*) from core.runs where details_observed_at is null") == [(0,)]


def test_details_can_be_switched_off(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY, run_details="off")
    world.poll(2)
    assert world.poll(12).details_call_count == 0
    assert world.rows("select recovered_count from core.coverage_gaps") == [(0,)]


@pytest.mark.slow
def test_an_endpoint_in_trouble_is_left_alone_after_a_few_failures(world: World) -> None:
    world.poll(4)
    world.sim.add_fault(Fault(kind="server_error", path="/api/tasks/runs"))
    summary = world.poll(9)
    assert summary.status == "succeeded"
    assert "failures in a row" in str(summary.recovery_note)
    world.sim.clear_faults()
    assert world.poll(9.5).details_call_count > 0, "what one poll did not get, the next asks for again"


@pytest.mark.slow
def test_rebuild_makes_the_same_tables_from_the_archive_alone(world: World) -> None:
    for hours in (2, 12, 13):
        world.poll(hours)
    before = world.dump()
    assert rebuild(world.settings) == 3
    assert world.dump() == before
