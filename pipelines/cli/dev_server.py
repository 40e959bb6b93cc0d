"""Starts the Dagster UI and daemon over a warehouse; without a key, beside the simulated API.

Dagster is started as a process of its own and not imported here; what it shows is in definitions.py.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from pipelines import orchestrate
from pipelines.demo.simulated_api import live_api, pointed_at
from pipelines.ingest.simulated_marker import refuse_mixing
from pipelines.orchestrate.dagster_home import prepare_dagster_home
from pipelines.settings import Settings

WORKSPACE = Path(orchestrate.__file__).with_name("workspace.yaml")


def serve_dagster(settings: Settings, port: int) -> int:
    """Run `dagster dev` until Ctrl-C and return its exit code."""
    refuse_mixing(settings)
    with _source(settings) as source:
        environment = os.environ | source | {"DAGSTER_HOME": str(prepare_dagster_home(settings.layout))}
        command = [sys.executable, "-m", "dagster", "dev", "-w", str(WORKSPACE), "-h", "127.0.0.1", "-p", str(port)]
        click.echo(f"Dagster UI at http://127.0.0.1:{port} in some ten seconds; Ctrl-C ends it.")
        return _run(command, environment)


@contextmanager
def _source(settings: Settings) -> Iterator[Mapping[str, str]]:
    """Yield the environment that names the API: nothing to add with a key, else a simulated one."""
    if settings.api_key is not None:
        yield {}
        return
    with live_api(settings) as (origin, simulator):
        pointed = pointed_at(settings, origin, simulator)
        click.echo("RECOUP_API_KEY is not set, so runs poll a SIMULATED Recoup API: made-up tasks and runs.")
        yield {
            "RECOUP_API_URL": pointed.api_url,
            "RECOUP_API_KEY": pointed.api_key.get_secret_value() if pointed.api_key else "",
            "RECOUP_ACCOUNT_IDS": ",".join(pointed.account_ids),
            "RECOUP_ARTIST_ACCOUNT_IDS": "",
            "RECOUP_TASK_IDS": "",
        }


def _run(command: list[str], environment: Mapping[str, str]) -> int:
    process = subprocess.Popen(command, env=environment)  # noqa: S603 (our own interpreter and arguments)
    # Ctrl-C reaches Dagster as well, which then ends in its own order; this process only waits for it.
    previous = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: process.terminate()),
    }
    try:
        return process.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
