"""A whole Dagster graph over a warehouse of its own; the test holds its source and its clock. No assertions here."""

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

from pipelines.clock import Clock
from pipelines.definitions import build_defs
from pipelines.orchestrate.dagster_home import prepare_dagster_home
from pipelines.orchestrate.housekeeping import housekeeping
from pipelines.orchestrate.resources import Pipeline
from pipelines.orchestrate.sensors import poll_cadence
from pipelines.recoup.client import RecoupClient
from pipelines.settings import Settings
from pipelines.transform.load_models import load_models
from tests.support.bodies import NOON, body, run, task

# Dagster syncs two SQLite files for each of some hundred events; on a busy disk that takes a minute.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
MODELS = load_models()
KEY = "recoup_sk_canary_of_the_key"
SECRET_MARKERS = (KEY, "canary of the prompt", "canary@owner.example", "canary of the payload", "canary of the output")


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
class DagsterHarness:
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
        return poll_cadence(self.settings)(context)

    def keep_house(self, cursor: str | None = None) -> Any:
        """Evaluate the housekeeping sensor once."""
        context = dg.build_sensor_context(
            instance=self.instance, cursor=cursor, resources={"pipeline": self.pipeline()}
        )
        return housekeeping(MODELS)(context)

    def pipeline(self) -> Pipeline:
        return Pipeline(self.settings, MODELS, lambda: self.now, self.client)


def some_tasks() -> list[dict[str, Any]]:
    runs = [
        run(f"run_{number}", NOON - timedelta(days=number, hours=3), status="COMPLETED" if number else "FAILED")
        for number in range(3)
    ]
    return [
        task("task_1", runs, prompt=SECRET_MARKERS[1], owner_email=SECRET_MARKERS[2]),
        task("task_2", [run("run_9", payload={"secret": SECRET_MARKERS[3]}, output={"secret": SECRET_MARKERS[4]})]),
    ]


@contextmanager
def stored_harness(*, own_home: bool = False, **settings: Any) -> Iterator[DagsterHarness]:
    with tempfile.TemporaryDirectory(dir=MEMORY) as top, pytest.MonkeyPatch.context() as patch:
        folder = Path(top) / "warehouse"
        if own_home:
            patch.setenv("DAGSTER_HOME", str(Path(top) / "own_home"))
        known = Settings.load(warehouse_dir=folder, api_key=KEY, privacy_key="test", run_details="off", **settings)
        patch.setenv("DAGSTER_HOME", str(prepare_dagster_home(known.layout)))
        with dg.DagsterInstance.get() as instance:
            yield DagsterHarness(known, instance, Source(some_tasks()))


def write_report(published_file: Path, out: Path) -> None:
    """Write what a report may know before it goes live: the copy that it is about."""
    with duckdb.connect(str(published_file), read_only=True) as con:
        count = con.execute("select count(*) from core.runs").fetchall()[0][0]
    out.write_text(f"{count} runs")


@contextmanager
def light_harness(folder: Path) -> Iterator[DagsterHarness]:
    """A harness whose Dagster history is kept in memory."""
    settings = Settings.load(warehouse_dir=folder, api_key=KEY, privacy_key="test", max_attempts=1, run_details="off")
    settings.layout.prepare()
    with dg.DagsterInstance.ephemeral() as instance:
        yield DagsterHarness(settings, instance, Source(some_tasks()))
