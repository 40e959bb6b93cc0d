"""A Redis of its own on loopback while a test runs. No assertions here."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.postgres_server import free_port


@contextmanager
def redis_server() -> Iterator[str]:
    """Yield the address of a server that keeps nothing on disk."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed (on Debian: apt-get install redis-server)")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="redis-") as top:
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", top]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
            try:
                yield f"redis://127.0.0.1:{port}/0"
            finally:
                server.terminate()
