"""dev: what ends the server. That Dagster itself starts and polls belongs to tests/orchestrate."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Takes SIGTERM for whatever SIGINT is, as Dagster does.
LIKE_DAGSTER = """
import signal, time
signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
print("up", flush=True)
time.sleep(60)
"""
# A shell starts a background job with SIGINT ignored, and so does whatever that job starts.
IN_BACKGROUND = f"""
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
from pipelines.cli.dev_server import run_until_ended
sys.exit(run_until_ended([sys.executable, "-c", {LIKE_DAGSTER!r}], os.environ) != 0)
"""


@pytest.mark.slow
def test_a_server_in_the_background_ends_on_sigterm() -> None:
    command = [sys.executable, "-c", IN_BACKGROUND]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"up\n"
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(timeout=20)
        finally:
            server.kill()
        assert server.returncode == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone ends a process whose parent was killed")
def test_no_server_outlives_a_kill() -> None:
    """It would hold the port, and poll by itself."""
    with subprocess.Popen([sys.executable, "-c", IN_BACKGROUND], cwd=ROOT, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"up\n"
        began = time.monotonic()
        server.kill()
        server.stdout.read()  # ends when nobody is left who could write
        assert time.monotonic() - began < 30, "the server slept to its end"
