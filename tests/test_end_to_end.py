"""The whole way over real HTTP: simulator, polls, a nightly; run by run and cent by cent with the truth."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from pipelines.database.connection import open_published
from pipelines.definitions import build_defs
from pipelines.ingest.poll import poll
from pipelines.nightly import nightly
from pipelines.settings import Settings
from pipelines.simulator import Fault, Fleet, Simulator, serve
from tests.support.ground_truth import Truth, truth_of
from tests.support.simulator_helpers import PART

START = datetime(2026, 8, 3, tzinfo=UTC)
LAST_MINUTE = timedelta(seconds=60)


def lived_through(folder: Path, days: int, polls_a_day: int, are_jobs: bool) -> tuple[Settings, Truth]:
    """Poll for so many simulated days, ending with a nightly; as Dagster jobs, or by what those jobs call."""
    simulator = Simulator(Fleet.demo(seed=11, start=START), now=START)
    with serve(simulator) as origin:
        accounts = sorted({task.account_id for task in truth_of(simulator).tasks})
        settings = Settings.load(
            warehouse_dir=folder, api_url=origin, api_key="recoup_sk_simulated", account_ids=",".join(accounts),
            privacy_key="k", details_per_poll=60, max_attempts=1,
        )  # fmt: skip
        step = timedelta(days=1) / polls_a_day
        outage = START + step * 3
        simulator.add_fault(Fault(kind="silent_outage", from_at=outage, to_at=outage + step))
        defs = build_defs(settings=settings, clock=lambda: simulator.now)
        with dg.DagsterInstance.ephemeral() as instance:
            for number in range(1, days * polls_a_day + 1):
                simulator.set_now(START + number * step + timedelta(minutes=7))
                is_last = number == days * polls_a_day
                if are_jobs:
                    job = defs.resolve_job_def("nightly" if is_last else "poll")
                    assert job.execute_in_process(instance=instance, raise_on_error=True).success
                else:
                    (nightly if is_last else poll)(settings, clock=lambda: simulator.now)
        return settings, truth_of(simulator)


@pytest.fixture(
    params=[
        pytest.param((1, 4, False), id="1 day"),
        pytest.param((round(30 * PART), 2, True), id="30 days, or a part", marks=pytest.mark.slow),
    ]
)
def lived(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Settings, Truth]]:
    yield lived_through(tmp_path, *request.param)


@pytest.mark.slow
def test_the_published_file_tells_the_truth(lived: tuple[Settings, Truth]) -> None:
    settings, truth = lived
    true_runs = {run.run_id: run for run in truth.runs}
    with open_published(settings.layout) as con:
        query = "select run_id, task_id, outcome, is_final, compute_cents, invocation_cents, created_at from core.runs"
        runs = {row[0]: row for row in con.execute(query).fetchall()}
        missing = con.execute(
            "select task_id, tick_at from core.missing_runs where recovered_run_id is null"
        ).fetchall()
        tasks = con.execute("select task_id, observed_from_at, observed_until_at from core.tasks").fetchall()
        spent = con.execute("select sum(total_cents) from marts.spend_daily").fetchone()

    assert set(runs) <= set(true_runs), "no run is invented"
    for run_id, row in runs.items():
        true = true_runs[run_id]
        assert row[1] == true.task_id
        assert row[6] == true.created_at
        if row[3]:
            assert (row[2], row[4], row[5]) == (true.outcome, true.compute_cents, true.invocation_cents)
    assert spent == (sum((row[4] + row[5] for row in runs.values()), Decimal(0)),)

    ticked = {(tick.task_id, tick.tick_at): tick.run_id for tick in truth.ticks}
    assert len(missing) == len(set(missing))
    for task_id, observed_from, observed_until in tasks:
        true_ids = {
            run.run_id for run in truth.runs
            if run.task_id == task_id and observed_from <= run.created_at < observed_until - LAST_MINUTE
        }  # fmt: skip
        unseen = true_ids - set(runs)
        told = {ticked.get((task_id, tick)) for missing_task, tick in missing if missing_task == task_id}
        assert unseen <= told, "a run that was not seen is counted as missing"
        assert not told & set(runs), "and one that was seen is not"
