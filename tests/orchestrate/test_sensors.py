"""The cadence sensor: when it asks for a poll, when it does not and why, and what it prunes.

How the interval is chosen is tested in tests/schedule/test_poll_interval.py.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines.orchestrate.run_liveness import REPOSITORY_TAG
from pipelines.schedule import poll_interval
from pipelines.schedule.poll_interval import Cadence
from tests.support.bodies import NOON, run, task
from tests.support.dagster_harness import DagsterHarness, light_harness, stored_harness


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[DagsterHarness]:
    with light_harness(tmp_path / "warehouse") as harness:
        yield harness


def asked(result: Any) -> dg.RunRequest:
    """Return the one run that the sensor asks for."""
    assert isinstance(result, dg.SensorResult), result
    (request,) = result.run_requests or ()
    return request


def why_not(result: Any) -> str:
    assert isinstance(result, dg.SkipReason), result
    return str(result.skip_message)


def write_state(harness: DagsterHarness, **facts: Any) -> None:
    known: dict[str, Any] = {
        "last_poll_at": NOON,
        "task_id": "task_1",
        "safe_seconds": 4 * 3600,
        "gap_seconds": 3600,
        "longest_run_seconds": 9,
        "schedule": "0 * * * *",
    }
    poll_interval.write_state(harness.settings.layout, Cadence(**known | facts))


def test_the_first_poll_is_due_at_once_and_is_asked_for_once(harness: DagsterHarness) -> None:
    first = harness.look()
    assert asked(first).tags["recoup/why"] == "nothing was polled yet"
    harness.now += timedelta(seconds=30)
    assert "led to no poll" in why_not(harness.look(first.cursor))


def test_the_next_poll_is_asked_for_when_the_tightest_task_needs_it(harness: DagsterHarness) -> None:
    write_state(harness)
    harness.now = NOON + timedelta(hours=4, seconds=-1)
    assert why_not(harness.look()) == (
        "next poll at 2026-08-20 16:00:00 UTC: task task_1 (0 * * * *) ticks every 3600 s and ran up to 9 s, "
        "so every 14400 s"
    )
    harness.now = NOON + timedelta(hours=4, seconds=20)
    request = asked(harness.look())
    assert request.run_key == "poll-20260820T160000.000000"
    assert request.tags["recoup/why"].startswith("task task_1 (0 * * * *) ticks every 3600 s")


def test_the_sensor_answers_alike_after_a_restart(harness: DagsterHarness) -> None:
    write_state(harness)
    harness.now = NOON + timedelta(hours=5)
    before = harness.look()
    assert asked(harness.look()).run_key == asked(before).run_key
    write_state(harness, last_poll_at=harness.now + timedelta(seconds=8))
    assert "next poll at" in why_not(harness.look(before.cursor))


@pytest.mark.slow
@pytest.mark.parametrize("status", ["NOT_STARTED", "STARTED"])
@pytest.mark.parametrize("job", ["poll", "nightly"])
def test_runs_do_not_pile_up(harness: DagsterHarness, job: str, status: str) -> None:
    job_def = harness.defs().resolve_job_def(job)
    waiting = harness.instance.create_run_for_job(job_def, status=dg.DagsterRunStatus[status])
    assert why_not(harness.look()) == f"run {waiting.run_id} of {job} has not ended yet"


@pytest.mark.slow
def test_runs_of_other_projects_on_the_same_instance_hold_nothing_up(harness: DagsterHarness) -> None:
    job = harness.defs().resolve_job_def("nightly")
    tags = {REPOSITORY_TAG: "__repository__@somebody_elses"}
    harness.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
    asked(harness.look())


@pytest.mark.slow
def test_requests_that_lead_to_no_poll_are_repeated_less_and_less_often(harness: DagsterHarness) -> None:
    cursor, waits = None, []
    for _ in range(4):
        result = harness.look(cursor)
        asked_at, cursor = harness.now, result.cursor
        while isinstance(harness.look(cursor), dg.SkipReason):
            harness.now += timedelta(seconds=60)
        waits.append((harness.now - asked_at).total_seconds())
    assert waits == [600, 1200, 2400, 4800]


def test_an_outage_makes_polls_rarer_up_to_the_longest_interval(harness: DagsterHarness) -> None:
    for failed, seconds in ((1, 600), (2, 1200), (30, 21_600)):
        write_state(harness, failed_in_row_count=failed)
        harness.now = NOON + timedelta(seconds=seconds - 1)
        assert f"{failed} polls in a row failed or met an outage" in why_not(harness.look())
        harness.now = NOON + timedelta(seconds=seconds)
        asked(harness.look())


@pytest.mark.slow
def test_a_poll_through_dagster_leaves_word_for_the_sensor(harness: DagsterHarness) -> None:
    harness.source.tasks = [task("task_1", [run()], schedule="*/15 * * * *")]
    assert harness.execute("poll").success
    state = poll_interval.read_state(harness.settings.layout)
    assert (state.last_poll_at, state.failed_in_row_count) == (NOON, 0)
    assert (state.task_id, state.gap_seconds, state.longest_run_seconds) == ("task_1", 900, 30)
    harness.now = NOON + timedelta(hours=1)
    assert asked(harness.look()).run_key == "poll-20260820T130000.000000"


@pytest.mark.slow
def test_old_poll_runs_are_pruned_with_their_files() -> None:
    @dg.op
    def nothing() -> None: ...

    def runs_of(instance: dg.DagsterInstance, job: str, count: int) -> list[str]:
        tiny = dg.JobDefinition(name=job, graph_def=dg.GraphDefinition(name=job, node_defs=[nothing]))
        return [tiny.execute_in_process(instance=instance).run_id for _ in range(count)]

    # A home of the user's own, outside the warehouse: what is pruned is found through the instance alone.
    with stored_harness(own_home=True, poll_runs_kept=2) as harness:
        instance = harness.instance
        home = Path(instance.root_directory)
        assert not home.is_relative_to(harness.settings.layout.root)
        nightly, polls = runs_of(instance, "nightly", 1), runs_of(instance, "poll", 4)
        assert {path.stem for path in (home / "history" / "runs").glob("*-*.db")} == {*nightly, *polls}
        asked(harness.look())
        kept = {*nightly, *polls[2:]}
        assert {record.dagster_run.run_id for record in harness.instance.get_run_records()} == kept
        assert {path.stem for path in (home / "history" / "runs").glob("*-*.db")} == kept
        assert {path.name for path in (home / "storage").iterdir()} == kept
