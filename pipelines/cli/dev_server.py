"""Starts the Dagster UI and daemon over a warehouse; without a key, beside the simulated API.

Dagster is started as a process of its own and not imported here; what it shows is in definitions.py.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from pipelines import orchestrate
from pipelines.console.log import say
from pipelines.demo.simulated_api import live_api, pointed_at
from pipelines.home import HOME
from pipelines.ingest.simulated_marker import refuse_mixing
from pipelines.orchestrate.dagster_home import prepare_dagster_home
from pipelines.settings import Settings

LOOK_EVERY_SECONDS = 0.5
SIGNAL_WHEN_PARENT_DIES = 1  # PR_SET_PDEATHSIG of prctl(2)
# `dg dev`, which has taken its place, wants a project folder, and an installed wheel has none.
OWN_WARNING = "ignore:Function `dev_command` is superseded"
WORKSPACE = Path(orchestrate.__file__).with_name("workspace.yaml")


def serve_dagster(settings: Settings, port: int) -> int:
    """Run `dagster dev` until Ctrl-C and return its exit code."""
    refuse_mixing(settings)
    with _source(settings) as source:
        homes = {HOME: str(settings.home), "DAGSTER_HOME": str(prepare_dagster_home(settings.layout))}
        environment = os.environ | source | homes
        environment["PYTHONWARNINGS"] = ",".join(filter(None, [environment.get("PYTHONWARNINGS"), OWN_WARNING]))
        say("dev", _told_of_schedules(environment, settings))
        command = [sys.executable, "-m", "dagster", "dev", "-w", str(WORKSPACE), "-h", "127.0.0.1", "-p", str(port)]
        say("dev", f"Dagster UI at http://127.0.0.1:{port} in some ten seconds; Ctrl-C ends it.")
        return run_until_ended(command, environment)


@contextmanager
def _source(settings: Settings) -> Iterator[Mapping[str, str]]:
    """Yield the environment that names the API: nothing to add with a key, else a simulated one."""
    if settings.api_key is not None:
        yield {}
        return
    with live_api(settings) as (origin, simulator):
        pointed = pointed_at(settings, origin, simulator)
        say("dev", "RECOUP_API_KEY is not set, so runs poll a SIMULATED Recoup API: made-up tasks and runs.")
        yield {
            "RECOUP_API_URL": pointed.api_url,
            "RECOUP_API_KEY": pointed.api_key.get_secret_value() if pointed.api_key else "",
            "RECOUP_ACCOUNT_IDS": ",".join(pointed.account_ids),
            "RECOUP_ARTIST_ACCOUNT_IDS": "",
            "RECOUP_TASK_IDS": "",
            "RECOUP_SCHEDULES": "on",
        }


def _told_of_schedules(environment: Mapping[str, str], settings: Settings) -> str:
    if environment.get("RECOUP_SCHEDULES") == "on" or settings.schedules:
        return "Schedules and sensor are on: it polls by itself."
    return "Schedules and sensor are off, so nothing is polled by itself; RECOUP_SCHEDULES=on turns them on."


def run_until_ended(command: list[str], environment: Mapping[str, str]) -> int:
    """Run a server until it ends, or Ctrl-C or SIGTERM ends it; return its exit code."""
    # Handlers, set before the start, so that the child begins with the default ones: a shell's background job ignores
    # SIGINT, and Dagster, which takes SIGTERM for SIGINT, would then ignore both. Ctrl-C reaches Dagster as well, which
    # ends in its own order; this process only waits for it.
    asked_to_end = threading.Event()
    previous = {
        signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: asked_to_end.set()),
    }
    try:
        process = subprocess.Popen(command, env=environment, preexec_fn=_end_with_parent())  # noqa: S603 (our own)
        while process.poll() is None:
            if asked_to_end.wait(LOOK_EVERY_SECONDS):
                process.terminate()
                return process.wait()
        return process.returncode
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _end_with_parent() -> Callable[[], object] | None:
    """Let Linux end the server when this process is killed and can pass nothing on: it would hold port and schedules."""
    if sys.platform != "linux":
        return None
    return partial(ctypes.CDLL(None).prctl, SIGNAL_WHEN_PARENT_DIES, signal.SIGTERM)
