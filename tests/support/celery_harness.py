"""Dagster over shards with real parts: daemon, Celery workers, Redis, PostgreSQL, as deploy/celery has them."""

import os
import signal
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import pytest
import yaml

from pipelines.cli.dev_server import WORKSPACE
from pipelines.settings import Settings
from tests.support.postgres_server import postgres
from tests.support.redis_server import redis_server
from tests.support.repository import ROOT

SCRIPTS = Path(sysconfig.get_path("scripts"))
SECONDS_AT_MOST = 120


@dataclass
class CeleryHarness:
    """The processes of one deployment; each is the leader of a group of its own, and ends with it."""

    folder: Path
    environment: dict[str, str]
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self, name: str, settings: Settings, *command: str, **more: str) -> None:
        """Start a program with the settings of a home in its environment."""
        settings.home.mkdir(exist_ok=True)
        environment = self.environment | variables(settings) | more
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [str(SCRIPTS / command[0]), *command[1:]],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.folder,
            )

    def start_worker(self, settings: Settings) -> None:
        """Start the worker of a shard, with the command that deploy/celery names."""
        name = str(settings.shard)
        app = ["-A", "pipelines.orchestrate.celery_worker", "worker", "-Q", name, "-c", "1", "-n", f"{name}@%h"]
        self.start(name, settings, "celery", *app)

    def start_daemon(self, settings: Settings, **more: str) -> None:
        self.start("daemon", settings, "dagster-daemon", "run", "-w", str(WORKSPACE), **more)

    def kill(self, name: str) -> None:
        """Kill a program with all its processes, as a machine that goes down does."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)

    def wait(self, what: str, happened: Callable[[], bool]) -> None:
        """Return when it has happened. Raises TimeoutError with the ends of all logs."""
        deadline = time.monotonic() + SECONDS_AT_MOST
        while not happened():
            if time.monotonic() > deadline:
                ends = [f"{log.stem}: {log.read_text()[-2000:]}" for log in sorted(self.folder.glob("*.log"))]
                raise TimeoutError("\n".join([f"not in time: {what}", *ends]))
            time.sleep(0.3)


def variables(settings: Settings) -> dict[str, str]:
    """Return the environment that makes these settings."""
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    plain = {name: getattr(value, "get_secret_value", lambda value=value: value)() for name, value in given.items()}
    joined = {name: ",".join(value) if isinstance(value, tuple) else str(value) for name, value in plain.items()}
    return {f"RECOUP_{name.upper()}": value for name, value in joined.items()}


@contextmanager
def celery_harness(folder: Path) -> Iterator[tuple[CeleryHarness, dg.DagsterInstance]]:
    """Yield a deployment without any process but the servers, and Dagster's instance."""
    home = folder / "dagster"
    home.mkdir()
    with ExitStack() as stack:
        port, broker = stack.enter_context(postgres()), stack.enter_context(redis_server())
        (home / "dagster.yaml").write_text(_configuration(home, port))
        ours = {
            "DAGSTER_HOME": str(home),
            "DAGSTER_POSTGRES_HOST": "127.0.0.1",
            "DAGSTER_POSTGRES_PASSWORD": "trusted",
            "DAGSTER_CELERY_BROKER": broker,
        }
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in ours.items():
            patch.setenv(name, value)
        instance = stack.enter_context(dg.DagsterInstance.get())
        harness = CeleryHarness(folder, {"PATH": os.environ["PATH"], "HOME": str(folder), **ours})
        try:
            yield harness, instance
        finally:
            for name in list(harness.processes):
                harness.kill(name)


def _configuration(home: Path, port: int) -> str:
    """deploy/celery/dagster.yaml, at another port and in other folders."""
    found = yaml.safe_load((ROOT / "deploy/celery/dagster.yaml").read_text())
    found["storage"]["postgres"]["postgres_db"]["port"] = port
    for part, below in (("compute_logs", "logs"), ("local_artifact_storage", ".")):
        found[part]["config"]["base_dir"] = str(home / below)
    return yaml.safe_dump(found)
