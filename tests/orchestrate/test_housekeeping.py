"""Housekeeping: a run whose process is gone ends, one that lives does not; what the command line made shows in the UI."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml

from pipelines.cli.dev_server import WORKSPACE
from pipelines.clock import utc_now
from pipelines.orchestrate.run_liveness import GRACE, LOCATION, REPOSITORY_TAG, alive, end_dead_runs
from tests.support.dagster_harness import MODELS, DagsterHarness, light_harness, stored_harness
from tests.support.publish_harness import publish_at

ROOT = Path(__file__).resolve().parents[2]
# A nightly that says where it is when it writes the report, and stays there.
ENDLESS_NIGHT = """
import sys, time
from pathlib import Path
import dagster as dg
from pipelines.definitions import build_defs
from pipelines.orchestrate.resources import Pipeline
from pipelines.settings import Settings

def stay(self, only):
    print("building", flush=True)
    time.sleep(600)

Pipeline.build = stay
settings = Settings.load(warehouse_dir=sys.argv[1], run_details="off")
with dg.DagsterInstance.get() as instance:
    job = build_defs(settings=settings).resolve_job_def("nightly")
    job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey(["marts", "run_facts"])], run_id=sys.argv[2])
"""


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[DagsterHarness]:
    with light_harness(tmp_path / "warehouse") as harness:
        yield harness


def started(harness: DagsterHarness, **tags: str) -> str:
    job = harness.defs().resolve_job_def("nightly")
    return harness.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags).run_id


def status_of(harness: DagsterHarness, run_id: str) -> dg.DagsterRunStatus:
    run = harness.instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_the_location_has_the_name_that_the_workspace_gives_it() -> None:
    (location,) = yaml.safe_load(WORKSPACE.read_text())["load_from"]
    assert location["python_module"]["location_name"] == LOCATION


@pytest.mark.slow
def test_a_run_killed_in_the_middle_ends_and_polling_goes_on() -> None:
    with stored_harness() as harness:
        run_id = "00000000-0000-4000-8000-000000000001"
        command = [sys.executable, "-c", ENDLESS_NIGHT, str(harness.settings.warehouse_dir), run_id]
        environment = os.environ | {"RECOUP_WAREHOUSE_DIR": str(harness.settings.warehouse_dir)}
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"building\n"
            harness.keep_house()
            assert status_of(harness, run_id) is dg.DagsterRunStatus.STARTED
            assert isinstance(harness.look(), dg.SkipReason)
            process.send_signal(signal.SIGKILL)
        assert run_id in str(harness.keep_house().skip_message)
        assert status_of(harness, run_id) is dg.DagsterRunStatus.FAILURE
        assert isinstance(harness.look(), dg.SensorResult)
        assert list((harness.settings.layout.work / "runs").iterdir()) == []


@pytest.mark.slow
def test_a_run_that_holds_its_lock_lives_however_long_it_takes(harness: DagsterHarness) -> None:
    run_id = started(harness, **{REPOSITORY_TAG: f"__repository__@{LOCATION}"})
    later = utc_now() + timedelta(days=2)
    with alive(harness.settings.layout, run_id):
        assert end_dead_runs(harness.instance, harness.settings.layout, later) == []
    assert [run.run_id for run in end_dead_runs(harness.instance, harness.settings.layout, later)] == [run_id]


@pytest.mark.slow
def test_without_a_lock_only_what_is_surely_ours_and_had_its_time_is_ended(harness: DagsterHarness) -> None:
    ours = started(harness, **{REPOSITORY_TAG: f"__repository__@{LOCATION}"})
    theirs = started(harness, **{REPOSITORY_TAG: "__repository__@somebody_elses"})
    by_hand = started(harness)
    layout = harness.settings.layout
    assert end_dead_runs(harness.instance, layout, utc_now()) == []
    assert [run.run_id for run in end_dead_runs(harness.instance, layout, utc_now() + 2 * GRACE)] == [ours]
    assert {status_of(harness, run_id) for run_id in (theirs, by_hand)} == {dg.DagsterRunStatus.STARTED}


@pytest.mark.slow
def test_what_the_command_line_published_shows_once_with_its_rows(harness: DagsterHarness) -> None:
    assert isinstance(harness.keep_house(), dg.SkipReason)
    harness.pipeline().poll()
    snapshot = harness.pipeline().publish()
    told = harness.keep_house()
    made = {tuple(event.asset_key.path): event for event in told.asset_events}
    assert made["core", "runs"].metadata["dagster/row_count"].value == 4
    counted = {key for key, event in made.items() if "dagster/row_count" in event.metadata}
    assert made.keys() - {("published", "recoup_duckdb")} == {model.key for model in MODELS}
    assert counted == {model.key for model in MODELS if model.materialized != "view"}
    assert made["published", "recoup_duckdb"].metadata["snapshot"].value == snapshot.number
    assert isinstance(harness.keep_house(told.cursor), dg.SkipReason)


@pytest.mark.slow
def test_what_dagster_published_itself_is_not_told_again(harness: DagsterHarness) -> None:
    assert harness.execute("poll").success
    publish_at(harness.settings.layout, harness.now)
    key = dg.AssetKey(["published", "recoup_duckdb"])
    harness.instance.report_runless_asset_event(dg.AssetMaterialization(key, metadata={"snapshot": 1}))
    assert "snapshot 1 is published" in str(harness.keep_house().skip_message)
