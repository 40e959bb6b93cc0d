"""The Dagster graph: its shape, a poll and a night through real jobs and storage, failures, and the sensor.

The steps' own behaviour is tested with their modules.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import httpx
import pytest
import yaml

from pipelines import cadence
from pipelines.assets import FILLED_BY_BUILD
from pipelines.cadence import Cadence
from pipelines.clock import Clock
from pipelines.dagster_home import CONFIGURATION, prepare_dagster_home
from pipelines.definitions import build_defs
from pipelines.errors import (
    BadModel,
    BadPayload,
    BadSettings,
    ChecksFailed,
    RecoupError,
    Refused,
    Unreachable,
    WarehouseBusy,
)
from pipelines.models import load_models
from pipelines.publish import publish
from pipelines.recoup.client import RecoupClient
from pipelines.resources import Pipeline, told_in_one_line
from pipelines.sensors import poll_cadence
from pipelines.settings import Settings
from pipelines.snapshots import snapshot_numbers
from pipelines.warehouse import Warehouse, open_published
from tests.bodies import NOON, body, run, task

# Dagster syncs two SQLite files for each of some hundred events; on a busy disk that takes a minute.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
ROOT = Path(__file__).resolve().parent.parent
MODELS = load_models()
KEY = "recoup_sk_canary_of_the_key"
CANARIES = (KEY, "canary of the prompt", "canary@owner.example", "canary of the payload", "canary of the output")


@dataclass
class Source:
    """An API that answers whatever the test last put here."""

    tasks: Sequence[dict[str, Any]] = ()
    status: int = 200
    asked: int = 0

    def __call__(self, _request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.status != 200:
            return httpx.Response(self.status, json={"status": "error", "error": "Unauthorized"})
        return httpx.Response(200, content=body(self.tasks), headers={"content-type": "application/json"})


@dataclass
class Plant:
    """A graph over a warehouse of its own, with a source and a clock that the test holds."""

    settings: Settings
    instance: dg.DagsterInstance
    source: Source = field(default_factory=Source)
    now: datetime = NOON

    def defs(self, **overrides: Any) -> dg.Definitions:
        return build_defs(
            settings=self.settings,
            models=MODELS,
            clock=lambda: self.now,
            make_client=self.client,
            **overrides,
        )

    def client(self, settings: Settings, clock: Clock) -> RecoupClient:
        return RecoupClient(settings, clock=clock, transport=httpx.MockTransport(self.source), sleep=lambda _: None)

    def execute(self, job: str, *, only: Sequence[str] | None = None, **overrides: Any) -> dg.ExecuteInProcessResult:
        return (
            self.defs(**overrides)
            .resolve_job_def(job)
            .execute_in_process(
                instance=self.instance,
                raise_on_error=False,
                asset_selection=[dg.AssetKey(key.split("/")) for key in only] if only else None,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )
        )

    def look(self, cursor: str | None = None) -> Any:
        """Evaluate the sensor once."""
        context = dg.build_sensor_context(
            instance=self.instance, cursor=cursor, resources={"pipeline": self.pipeline()}
        )
        return poll_cadence(context)

    def pipeline(self) -> Pipeline:
        return Pipeline(self.settings, MODELS, lambda: self.now, self.client)


def some_tasks() -> list[dict[str, Any]]:
    runs = [
        run(f"run_{number}", NOON - timedelta(days=number, hours=3), status="COMPLETED" if number else "FAILED")
        for number in range(3)
    ]
    return [
        task("task_1", runs, prompt=CANARIES[1], owner_email=CANARIES[2]),
        task("task_2", [run("run_9", payload={"secret": CANARIES[3]}, output={"secret": CANARIES[4]})]),
    ]


@pytest.fixture(scope="module")
def night() -> Iterator[tuple[Plant, dg.ExecuteInProcessResult]]:
    """A plant with Dagster's real storage, after one night."""
    with stored_plant() as plant:
        yield plant, plant.execute("nightly", write_report=write_report)


@contextmanager
def stored_plant(**settings: Any) -> Iterator[Plant]:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, pytest.MonkeyPatch.context() as patch:
        known = Settings.load(warehouse_dir=folder, api_key=KEY, privacy_key="test", run_details="off", **settings)
        patch.setenv("DAGSTER_HOME", str(prepare_dagster_home(known.layout)))
        with dg.DagsterInstance.get() as instance:
            yield Plant(known, instance, Source(some_tasks()))


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    settings = Settings.load(
        warehouse_dir=tmp_path / "warehouse", api_key=KEY, privacy_key="test", max_attempts=1, run_details="off"
    )
    settings.layout.prepare()
    with dg.DagsterInstance.ephemeral() as instance:
        yield Plant(settings, instance, Source(some_tasks()))


def write_report(published_file: Path, out: Path) -> None:
    """Write what a report may know before it goes live: the copy that it is about."""
    with duckdb.connect(str(published_file), read_only=True) as con:
        count = con.execute("select count(*) from core.runs").fetchall()[0][0]
    out.write_text(f"{count} runs")


def failure(result: dg.ExecuteInProcessResult) -> str:
    """Return what the failed step says, and demand that exactly one failed."""
    (event,) = [event for event in result.all_events if event.is_step_failure]
    error = event.step_failure_data.error
    assert error is not None
    return str(error.message).strip()


# The shape of the graph


def test_loading_is_free_of_warnings_and_of_traces_on_disk(tmp_path: Path) -> None:
    code = "import pipelines.definitions as d; d.defs.resolve_all_job_defs()"
    environment = os.environ | {"RECOUP_WAREHOUSE_DIR": str(tmp_path / "untouched")}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (tmp_path / "untouched").exists()


def test_the_workspace_validates(tmp_path: Path) -> None:
    settings = Settings.load(warehouse_dir=tmp_path)
    environment = os.environ | {
        "RECOUP_WAREHOUSE_DIR": str(tmp_path),
        "DAGSTER_HOME": str(prepare_dagster_home(settings.layout)),
    }
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "recoup_warehouse" in told
    # The command warns of itself, whatever it validates: another tool has taken its place.
    warned = [line for line in told.splitlines() if "Warning" in line]
    assert all("definitions_validate_command" in line for line in warned), told


def test_every_table_is_an_asset_with_its_grain_its_columns_and_its_lineage(plant: Plant) -> None:
    graph = plant.defs().resolve_asset_graph()
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


def test_the_published_file_is_made_from_every_table_and_checks_stand_before_it(plant: Plant) -> None:
    graph = plant.defs().resolve_asset_graph()
    published = graph.get(dg.AssetKey(["published", "recoup_duckdb"]))
    assert {tuple(key.path) for key in published.parent_keys} == {model.key for model in MODELS}
    checked = {tuple(key.asset_key.path) for key in graph.asset_check_keys}
    assert checked == {model.key for model in MODELS if model.checks}
    blocking = {key.asset_key.path[0] for key in graph.asset_check_keys if graph.get_check_spec(key).blocking}
    assert blocking == {"marts"}


def test_there_is_a_report_asset_only_when_there_is_a_report_to_write(plant: Plant) -> None:
    report = dg.AssetKey(["published", "report"])
    assert report not in plant.defs().resolve_asset_graph().get_all_asset_keys()
    assert report in plant.defs(write_report=write_report).resolve_asset_graph().get_all_asset_keys()


def test_jobs_schedule_and_sensor_are_on_and_run_in_one_process(plant: Plant) -> None:
    defs = plant.defs()
    assert defs.executor is dg.in_process_executor
    assert {spec.key.path[0] for spec in _assets_of(defs, "poll")} == {"core"}
    assert {spec.key.path[0] for spec in _assets_of(defs, "nightly")} == {"core", "marts", "published"}
    schedule = defs.resolve_schedule_def("nightly_schedule")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 2 * * *", "UTC")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert defs.resolve_sensor_def("poll_cadence").default_status is dg.DefaultSensorStatus.RUNNING


def _assets_of(defs: dg.Definitions, job: str) -> list[dg.AssetSpec]:
    keys = defs.resolve_job_def(job).asset_layer.executable_asset_keys
    return [spec for spec in defs.resolve_all_asset_specs() if spec.key in keys]


def test_every_step_that_writes_waits_in_the_pool_and_only_the_poll_retries(plant: Plant) -> None:
    nodes = plant.defs().resolve_job_def("nightly").graph.node_defs
    assert {node.name: node.pool for node in nodes} == dict.fromkeys(
        ("core", "build", "checks", "publish"), "warehouse"
    )
    retries = {node.name: node.retry_policy for node in nodes}
    assert {name for name, policy in retries.items() if policy} == {"core"}
    policy = retries["core"]
    assert policy.backoff is dg.Backoff.EXPONENTIAL
    assert policy.jitter is not None


def test_marts_and_the_published_file_must_stay_fresh(plant: Plant) -> None:
    specs = plant.defs().resolve_all_asset_specs()
    assert {spec.key.path[0] for spec in specs if spec.freshness_policy} == {"marts", "published"}


# A poll and a night


def test_a_night_polls_builds_checks_and_publishes(night: tuple[Plant, dg.ExecuteInProcessResult]) -> None:
    plant, result = night
    assert result.success
    assert plant.source.asked == 1
    assert [event.step_key for event in result.all_events if event.is_step_success] == [
        "core",
        "build",
        "checks",
        "publish",
    ]
    with open_published(plant.settings.layout) as con:
        assert con.execute("select count(*) from core.runs").fetchall() == [(4,)]
        assert con.execute("select count(*) from core.polls where status = 'succeeded'").fetchall() == [(1,)]


def test_the_report_goes_live_with_the_copy_it_is_about(night: tuple[Plant, dg.ExecuteInProcessResult]) -> None:
    plant, _ = night
    assert (plant.settings.layout.current / "report.html").read_text() == "4 runs"
    assert plant.instance.get_latest_materialization_event(dg.AssetKey(["published", "report"])) is not None


def test_each_table_tells_its_rows_as_they_are_in_the_published_file(
    night: tuple[Plant, dg.ExecuteInProcessResult],
) -> None:
    plant, result = night
    told = {
        tuple(event.asset_key.path): event.materialization.metadata["dagster/row_count"].value
        for event in result.get_asset_materialization_events()
        if event.asset_key and event.asset_key.path[0] != "published"
    }
    assert set(told) == {model.key for model in MODELS}
    with open_published(plant.settings.layout) as con:
        for schema, table in told:
            assert con.execute(f'select count(*) from {schema}."{table}"').fetchall() == [(told[schema, table],)]


def test_the_checks_of_a_table_tell_how_many_rules_hold(night: tuple[Plant, dg.ExecuteInProcessResult]) -> None:
    _, result = night
    evaluations = {tuple(found.asset_key.path): found for found in result.get_asset_check_evaluations()}
    assert set(evaluations) == {model.key for model in MODELS if model.checks}
    runs = evaluations["core", "runs"]
    assert runs.passed
    assert runs.metadata["rule_count"].value >= 3
    assert runs.description == f"{runs.metadata['rule_count'].value} rules hold"


def test_nothing_private_reaches_dagsters_storage_or_the_published_file(
    night: tuple[Plant, dg.ExecuteInProcessResult],
) -> None:
    plant, _ = night
    layout = plant.settings.layout
    files = [path for path in (*layout.dagster_home.rglob("*"), *layout.current.iterdir()) if path.is_file()]
    assert any(path.name == "runs.db" for path in files)
    found = {(path.name, canary) for path in files for canary in CANARIES if canary.encode() in path.read_bytes()}
    assert found == set()


def test_dagsters_state_lies_in_the_warehouse_folder(night: tuple[Plant, dg.ExecuteInProcessResult]) -> None:
    plant, _ = night
    home = plant.settings.layout.dagster_home
    assert home.stat().st_mode & 0o777 == 0o700
    assert plant.instance.root_directory == str(home)
    assert not plant.instance.telemetry_enabled
    assert plant.instance.run_monitoring_enabled
    pools = yaml.safe_load(CONFIGURATION)["concurrency"]["pools"]
    assert plant.instance.get_settings("concurrency")["pools"] == pools
    before = (home / "dagster.yaml").stat().st_mtime_ns
    prepare_dagster_home(plant.settings.layout)
    assert (home / "dagster.yaml").stat().st_mtime_ns == before


def test_one_mart_can_be_built_alone(plant: Plant) -> None:
    plant.pipeline().poll()
    assert plant.execute("nightly", only=["marts/run_facts"]).success
    with Warehouse.of(plant.settings).write() as con:
        names = con.execute("select view_name from duckdb_views() where schema_name = 'marts'").fetchall()
        names += con.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
    assert names == [("run_facts",)]


# Bad days


def broken_warehouse(plant: Plant) -> None:
    """Publish something, then let a run appear twice."""
    plant.pipeline().poll()
    publish(plant.settings.layout, kept=3, clock=lambda: plant.now)
    with Warehouse.of(plant.settings).write() as con:
        con.execute("insert into core.runs select * from core.runs limit 1")


def test_a_failed_blocking_rule_keeps_the_published_copy(plant: Plant) -> None:
    broken_warehouse(plant)
    result = plant.execute("nightly")
    assert not result.success
    assert "nothing was published" in failure(result)
    assert "core.runs unique_run_id (1 rows" in failure(result)
    assert snapshot_numbers(plant.settings.layout) == [1]
    (runs,) = [e for e in result.get_asset_check_evaluations() if e.asset_key.path == ["core", "runs"]]
    assert (runs.passed, runs.severity) == (False, dg.AssetCheckSeverity.ERROR)
    (record,) = [r for r in runs.metadata["failing_rules"].records if r.data["rule"] == "unique_run_id"]
    assert record.data["failing_rows"] == 1


def test_publishing_alone_runs_the_checks_itself(plant: Plant) -> None:
    broken_warehouse(plant)
    result = plant.execute("nightly", only=["published/recoup_duckdb"])
    assert "core.runs unique_run_id (1 rows" in failure(result)
    assert snapshot_numbers(plant.settings.layout) == [1]


def test_a_refused_key_ends_the_run_at_once_in_one_line(plant: Plant) -> None:
    plant.source.status = 401
    result = plant.execute("poll")
    assert not result.success
    assert not any(event.is_step_up_for_retry for event in result.all_events)
    assert "RECOUP_API_KEY" in failure(result)
    assert "\n" not in failure(result)
    assert KEY not in failure(result)
    assert cadence.read_state(plant.settings.layout).failed_in_row_count == 1


@pytest.mark.parametrize(
    ("error", "may_retry"),
    [
        (Unreachable, True),
        (BadPayload, True),
        (WarehouseBusy, True),
        (Refused, False),
        (BadSettings, False),
        (BadModel, False),
        (ChecksFailed, False),
    ],
)
def test_only_what_may_pass_by_itself_is_tried_again(error: type[RecoupError], may_retry: bool) -> None:
    with pytest.raises(dg.Failure) as raised, told_in_one_line():
        raise error("what, where, what next")
    assert raised.value.allow_retries is may_retry
    assert raised.value.description == "what, where, what next"


# The sensor


def asked(result: Any) -> dg.RunRequest:
    """Return the one run that the sensor asks for."""
    assert isinstance(result, dg.SensorResult), result
    (request,) = result.run_requests or ()
    return request


def why_not(result: Any) -> str:
    assert isinstance(result, dg.SkipReason), result
    return str(result.skip_message)


def write_state(plant: Plant, **facts: Any) -> None:
    known = {"safe_seconds": 4 * 3600, "gap_seconds": 3600, "longest_run_seconds": 9, "schedule": "0 * * * *"}
    cadence.write_state(plant.settings.layout, Cadence(**{"last_poll_at": NOON, "task_id": "task_1"} | known | facts))


def test_the_first_poll_is_due_at_once_and_is_asked_for_once(plant: Plant) -> None:
    first = plant.look()
    assert asked(first).tags["recoup/why"] == "nothing was polled yet"
    plant.now += timedelta(seconds=30)
    assert "led to no poll" in why_not(plant.look(first.cursor))


def test_the_next_poll_is_asked_for_when_the_tightest_task_needs_it(plant: Plant) -> None:
    write_state(plant)
    plant.now = NOON + timedelta(hours=4, seconds=-1)
    assert why_not(plant.look()) == (
        "next poll at 2026-08-20 16:00:00 UTC: task task_1 (0 * * * *) ticks every 3600 s and ran up to 9 s, "
        "so every 14400 s"
    )
    plant.now = NOON + timedelta(hours=4, seconds=20)
    request = asked(plant.look())
    assert request.run_key == "poll-20260820T160000.000000"
    assert request.tags["recoup/why"].startswith("task task_1 (0 * * * *) ticks every 3600 s")


def test_the_sensor_answers_alike_after_a_restart(plant: Plant) -> None:
    write_state(plant)
    plant.now = NOON + timedelta(hours=5)
    before = plant.look()
    assert asked(plant.look()).run_key == asked(before).run_key
    write_state(plant, last_poll_at=plant.now + timedelta(seconds=8))
    assert "next poll at" in why_not(plant.look(before.cursor))


@pytest.mark.parametrize("status", ["NOT_STARTED", "STARTED"])
@pytest.mark.parametrize("job", ["poll", "nightly"])
def test_runs_do_not_pile_up(plant: Plant, job: str, status: str) -> None:
    job_def = plant.defs().resolve_job_def(job)
    waiting = plant.instance.create_run_for_job(job_def, status=dg.DagsterRunStatus[status])
    assert why_not(plant.look()) == f"run {waiting.run_id} of {job} has not ended yet"


def test_requests_that_lead_to_no_poll_are_repeated_less_and_less_often(plant: Plant) -> None:
    cursor, waits = None, []
    for _ in range(4):
        result = plant.look(cursor)
        asked_at, cursor = plant.now, result.cursor
        while isinstance(plant.look(cursor), dg.SkipReason):
            plant.now += timedelta(seconds=60)
        waits.append((plant.now - asked_at).total_seconds())
    assert waits == [600, 1200, 2400, 4800]


def test_an_outage_makes_polls_rarer_up_to_the_longest_interval(plant: Plant) -> None:
    for failed, seconds in ((1, 600), (2, 1200), (30, 21_600)):
        write_state(plant, failed_in_row_count=failed)
        plant.now = NOON + timedelta(seconds=seconds - 1)
        assert f"{failed} polls in a row failed or met an outage" in why_not(plant.look())
        plant.now = NOON + timedelta(seconds=seconds)
        asked(plant.look())


def test_a_poll_through_dagster_leaves_word_for_the_sensor(plant: Plant) -> None:
    plant.source.tasks = [task("task_1", [run()], schedule="*/15 * * * *")]
    assert plant.execute("poll").success
    state = cadence.read_state(plant.settings.layout)
    assert (state.last_poll_at, state.failed_in_row_count) == (NOON, 0)
    assert (state.task_id, state.gap_seconds, state.longest_run_seconds) == ("task_1", 900, 30)
    plant.now = NOON + timedelta(hours=1)
    assert asked(plant.look()).run_key == "poll-20260820T130000.000000"


def test_old_poll_runs_are_pruned_with_their_files() -> None:
    @dg.op
    def nothing() -> None: ...

    def runs_of(job: str, count: int) -> list[str]:
        tiny = dg.JobDefinition(name=job, graph_def=dg.GraphDefinition(name=job, node_defs=[nothing]))
        return [tiny.execute_in_process(instance=plant.instance).run_id for _ in range(count)]

    with stored_plant(poll_runs_kept=2) as plant:
        nightly, polls = runs_of("nightly", 1), runs_of("poll", 4)
        home = plant.settings.layout.dagster_home
        said = home / "storage" / "__repository__" / "poll_cadence"
        said.mkdir(parents=True)
        for tick in range(3):
            (said / f"{tick}.err").touch()
            os.utime(said / f"{tick}.err", (tick, tick))
        assert {path.stem for path in (home / "history" / "runs").glob("*-*.db")} == {*nightly, *polls}
        asked(plant.look())
        kept = {*nightly, *polls[2:]}
        assert {record.dagster_run.run_id for record in plant.instance.get_run_records()} == kept
        assert {path.stem for path in (home / "history" / "runs").glob("*-*.db")} == kept
        assert {path.name for path in (home / "storage").iterdir()} == {*kept, "__repository__"}
        assert {path.name for path in said.iterdir()} == {"1.err", "2.err"}
