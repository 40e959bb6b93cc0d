"""A night, a look of each sensor and the pruning of runs, with Dagster's state in PostgreSQL as deploy/ configures it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml

from pipelines.orchestrate.dagster_home import differences
from pipelines.orchestrate.run_liveness import LOCATION, REPOSITORY_TAG
from tests.support.dagster_harness import DagsterHarness, stored_harness, write_report
from tests.support.postgres_server import postgres
from tests.support.repository import ROOT

pytestmark = pytest.mark.slow
KEPT = 1


def configuration(home: Path, port: int) -> str:
    """deploy/dagster.yaml, at another port and in other folders."""
    found = yaml.safe_load((ROOT / "deploy/dagster.yaml").read_text())
    found["storage"]["postgres"]["postgres_db"]["port"] = port
    for part, folder in (("compute_logs", "logs"), ("local_artifact_storage", ".")):
        found[part]["config"]["base_dir"] = str(home / folder)
    return yaml.safe_dump(found)


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterHarness]:
    home = tmp_path_factory.mktemp("dagster")
    with postgres() as port, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home))
        patch.setenv("DAGSTER_POSTGRES_HOST", "127.0.0.1")
        patch.setenv("DAGSTER_POSTGRES_PASSWORD", "trusted")
        (home / "dagster.yaml").write_text(configuration(home, port))
        with stored_harness(poll_runs_kept=KEPT) as harness:
            yield harness


def polls(instance: dg.DagsterInstance) -> list[str]:
    records = instance.get_run_records(filters=dg.RunsFilter(job_name="poll"))
    return [record.dagster_run.run_id for record in records]


def test_the_users_configuration_stays_and_is_what_the_product_needs(harness: DagsterHarness) -> None:
    text = (Path(harness.instance.root_directory) / "dagster.yaml").read_text()
    assert "postgres_db" in text
    assert list(differences(text)) == []
    storages = (harness.instance.run_storage, harness.instance.event_log_storage)
    assert {type(storage).__module__.split(".")[0] for storage in storages} == {"dagster_postgres"}


def test_a_night_goes_through_and_its_history_is_there(harness: DagsterHarness) -> None:
    assert harness.execute("nightly", write_report=write_report).success
    assert harness.settings.layout.published_file.exists()
    event = harness.instance.get_latest_materialization_event(dg.AssetKey(["published", "recoup_duckdb"]))
    assert event is not None
    assert "is published" in str(harness.keep_house().skip_message)


def test_the_sensor_prunes_finished_polls_with_all_that_was_kept_of_them(harness: DagsterHarness) -> None:
    for _ in range(KEPT + 1):
        harness.now += timedelta(minutes=10)
        assert harness.execute("poll").success
    before = polls(harness.instance)
    assert len(before) == KEPT + 1
    harness.now += timedelta(days=1)
    look = harness.look()
    assert isinstance(look, dg.SensorResult)
    assert len(look.run_requests or ()) == 1
    assert polls(harness.instance) == before[:KEPT]
    assert [run_id for run_id in before if harness.instance.all_logs(run_id)] == before[:KEPT]


def test_a_run_whose_process_is_gone_is_ended(harness: DagsterHarness) -> None:
    tags = {REPOSITORY_TAG: f"__repository__@{LOCATION}"}
    job = harness.defs().resolve_job_def("nightly")
    run = harness.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
    work = harness.settings.layout.work / "runs"
    work.mkdir(exist_ok=True)
    (work / f"{run.run_id}.lock").touch()
    assert run.run_id in str(harness.keep_house().skip_message)
    ended = harness.instance.get_run_by_id(run.run_id)
    assert ended is not None
    assert ended.status is dg.DagsterRunStatus.FAILURE
