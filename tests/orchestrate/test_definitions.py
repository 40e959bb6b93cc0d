"""The Dagster graph: its shape, its schedules, its files. A night through it is test_night.py's.

The steps' own behaviour is tested with their modules, the sensor in test_sensors.py.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines.cli.dev_server import WORKSPACE
from pipelines.database.connection import Warehouse
from pipelines.errors import BadSettings
from pipelines.orchestrate.assets import FILLED_BY_BUILD
from pipelines.orchestrate.dagster_home import differences, prepare_dagster_home
from pipelines.orchestrate.jobs import nightly_schedule
from pipelines.settings import Settings
from tests.support.dagster_harness import (
    MODELS,
    DagsterHarness,
    light_harness,
    write_report,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[DagsterHarness]:
    with light_harness(tmp_path / "warehouse") as harness:
        yield harness


# The shape of the graph


@pytest.mark.slow
def test_loading_is_free_of_warnings_and_of_traces_on_disk(tmp_path: Path) -> None:
    code = "import pipelines.definitions as d; d.defs.resolve_all_job_defs()"
    environment = os.environ | {"RECOUP_WAREHOUSE_DIR": str(tmp_path / "untouched")}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (tmp_path / "untouched").exists()


@pytest.mark.slow
@pytest.mark.parametrize("command", ["dg check defs", "dagster definitions validate -w {workspace}"])
def test_dagsters_own_tools_find_the_graph_as_project_and_as_workspace(tmp_path: Path, command: str) -> None:
    settings = Settings.load(warehouse_dir=tmp_path)
    environment = os.environ | {
        "RECOUP_WAREHOUSE_DIR": str(tmp_path),
        "DAGSTER_HOME": str(prepare_dagster_home(settings.layout)),
    }
    program, *arguments = command.format(workspace=WORKSPACE).split()
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    # The second warns of itself, whatever it validates: the first has taken its place.
    warned = [line for line in told.splitlines() if "Warning" in line]
    assert all("definitions_validate_command" in line for line in warned), told


@pytest.mark.slow
def test_every_table_is_an_asset_with_its_grain_its_columns_and_its_lineage(harness: DagsterHarness) -> None:
    graph = harness.defs().resolve_asset_graph()
    tables = {key for key in graph.get_all_asset_keys() if key.path[0] in ("core", "marts")}
    assert tables == {dg.AssetKey(list(model.key)) for model in MODELS}
    for model in MODELS:
        node = graph.get(dg.AssetKey(list(model.key)))
        assert {tuple(key.path) for key in node.parent_keys} == {
            *model.depends_on,
            *FILLED_BY_BUILD.get(model.key, ()),
        }
        assert "One row " in (node.description or "")
        assert node.group_name == model.schema
        assert node.metadata["grain"] == ", ".join(model.grain)
        schema = node.metadata["dagster/column_schema"]
        assert [(column.name, column.type, column.description) for column in schema.columns] == [
            (column.name, column.data_type, column.description) for column in model.columns
        ]


def test_the_published_file_is_made_from_every_table_and_checks_stand_before_it(harness: DagsterHarness) -> None:
    graph = harness.defs().resolve_asset_graph()
    published = graph.get(dg.AssetKey(["published", "recoup_duckdb"]))
    assert {tuple(key.path) for key in published.parent_keys} == {model.key for model in MODELS}
    checked = {tuple(key.asset_key.path) for key in graph.asset_check_keys}
    assert checked == {model.key for model in MODELS if model.checks or model.rows_of}
    blocking = {key.asset_key.path[0] for key in graph.asset_check_keys if graph.get_check_spec(key).blocking}
    assert blocking == {"marts"}


def test_there_is_a_report_asset_only_when_there_is_a_report_to_write(harness: DagsterHarness) -> None:
    report = dg.AssetKey(["published", "report"])
    assert report not in harness.defs().resolve_asset_graph().get_all_asset_keys()
    assert report in harness.defs(write_report=write_report).resolve_asset_graph().get_all_asset_keys()


def test_jobs_run_in_one_process(harness: DagsterHarness) -> None:
    defs = harness.defs()
    assert defs.executor is dg.in_process_executor
    assert {spec.key.path[0] for spec in _assets_of(defs, "poll")} == {"core"}
    assert {spec.key.path[0] for spec in _assets_of(defs, "nightly")} == {"core", "marts", "published"}


@pytest.mark.parametrize("schedules", [False, True])
def test_only_the_setting_starts_schedule_and_sensor(harness: DagsterHarness, schedules: bool) -> None:
    harness.settings = harness.settings.model_copy(update={"schedules": schedules})
    defs = harness.defs()
    nightly = defs.resolve_schedule_def("nightly_schedule").default_status is dg.DefaultScheduleStatus.RUNNING
    polling = defs.resolve_sensor_def("poll_cadence").default_status is dg.DefaultSensorStatus.RUNNING
    assert (nightly, polling) == (schedules, schedules)
    assert defs.resolve_sensor_def("housekeeping").default_status is dg.DefaultSensorStatus.RUNNING


def test_the_night_begins_at_two_of_the_reporting_zone_or_when_the_settings_say(tmp_path: Path) -> None:
    def when(**chosen: Any) -> tuple[Any, str | None]:
        settings = Settings.load(warehouse_dir=tmp_path, **chosen)
        schedule = nightly_schedule(settings)
        return schedule.cron_schedule, schedule.execution_timezone

    assert when() == ("0 2 * * *", "UTC")
    assert when(reporting_timezone="Europe/Berlin") == ("0 2 * * *", "Europe/Berlin")
    chosen = {"nightly_at": "23:45", "nightly_timezone": "Asia/Kolkata"}
    assert when(reporting_timezone="Europe/Berlin", **chosen) == ("45 23 * * *", "Asia/Kolkata")
    for wrong in ({"nightly_at": "24:00"}, {"nightly_at": "2"}, {"nightly_timezone": "Mars/Base"}):
        with pytest.raises(BadSettings, match="RECOUP_NIGHTLY"):
            Settings.load(warehouse_dir=tmp_path, **wrong)


def test_every_asset_has_an_owner_and_leads_to_its_files(harness: DagsterHarness) -> None:
    specs = harness.defs().resolve_all_asset_specs()
    assert all(spec.owners for spec in specs)
    by_key = {tuple(spec.key.path): spec for spec in specs}
    for model in MODELS:
        references = by_key[model.key].metadata["dagster/code_references"].code_references
        assert [Path(found.file_path).name for found in references] == [
            f"{model.path.stem}.sql",
            f"{model.path.stem}.yml",
        ]
        assert all(Path(found.file_path).is_file() for found in references)


def _assets_of(defs: dg.Definitions, job: str) -> list[dg.AssetSpec]:
    keys = defs.resolve_job_def(job).asset_layer.executable_asset_keys
    return [spec for spec in defs.resolve_all_asset_specs() if spec.key in keys]


def test_every_step_that_writes_waits_in_the_pool_and_only_the_poll_retries(harness: DagsterHarness) -> None:
    nodes = harness.defs().resolve_job_def("nightly").graph.node_defs
    ops = [node for node in nodes if isinstance(node, dg.OpDefinition)]
    assert len(ops) == len(nodes)
    # A poll waits for the network first, and must not keep the others from the warehouse meanwhile.
    writers = dict.fromkeys(("build", "checks", "publish"), "warehouse")
    assert {node.name: node.pool for node in ops} == {"core": "source"} | writers
    retries = {node.name: node.retry_policy for node in ops}
    assert {name for name, policy in retries.items() if policy} == {"core"}
    policy = retries["core"]
    assert policy is not None
    assert policy.backoff is dg.Backoff.EXPONENTIAL
    assert policy.jitter is not None


def test_marts_and_the_published_file_must_stay_fresh(harness: DagsterHarness) -> None:
    specs = harness.defs().resolve_all_asset_specs()
    assert {spec.key.path[0] for spec in specs if spec.freshness_policy} == {"marts", "published"}


def test_dagster_yaml_is_written_where_there_is_none_and_never_over_edits(tmp_path: Path) -> None:
    layout = Settings.load(warehouse_dir=tmp_path).layout
    configuration = prepare_dagster_home(layout) / "dagster.yaml"
    assert list(differences(configuration.read_text())) == []
    edited = configuration.read_text().replace("default_limit: 1", "default_limit: 3").replace("enabled: true", "")
    configuration.write_text(edited)
    prepare_dagster_home(layout)
    assert configuration.read_text() == edited
    assert list(differences(edited)) == [
        "concurrency.pools.default_limit is 3 instead of 1",
        "run_monitoring.enabled is not set instead of True",
    ]
    for broken in ("a: [", "just words"):
        with pytest.raises(ValueError, match=r"."):
            list(differences(broken))


@pytest.mark.slow
def test_one_mart_built_alone_keeps_the_instant_of_the_others(harness: DagsterHarness) -> None:
    pipeline = harness.pipeline()
    pipeline.poll()
    built_at = pipeline.build({model.key for model in MODELS}).as_of
    harness.now += timedelta(hours=5)
    assert harness.execute("nightly", only=["marts/run_facts"]).success
    with Warehouse.of(harness.settings).write() as con:
        assert con.execute("select as_of_at from core.build_context").fetchall() == [(built_at,)]
