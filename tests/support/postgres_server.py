"""A PostgreSQL of its own on loopback while a test runs; PostgreSQL refuses to run as root. No assertions here."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

USER = DATABASE = "dagster"
SECONDS_TO_START = 60


def program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs; Debian keeps them apart from the others."""
    places = [os.environ.get("PATH", ""), *(str(path) for path in Path("/usr/lib/postgresql").glob("*/bin"))]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        pytest.skip(f"{name} is not installed (on Debian: apt-get install postgresql)")
    return found


@contextmanager
def postgres() -> Iterator[int]:
    """Yield the port of a server with an empty database."""
    initdb, server, createdb = program("initdb"), program("postgres"), program("createdb")
    who = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="postgres-") as top, socket.socket() as free:
        if who:
            shutil.chown(top, **who)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        data = str(Path(top) / "data")
        make = [initdb, "-D", data, "-U", USER, "--auth=trust", "--no-sync"]
        subprocess.run(make, check=True, capture_output=True, cwd=top, **who)  # type: ignore[call-overload]
        start = [server, "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1", "-k", top, "-c", "fsync=off"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(start, cwd=top, **quiet, **who) as process:  # type: ignore[call-overload]
            try:
                _create_database(createdb, port)
                yield port
            finally:
                process.terminate()
                process.wait(30)


def _create_database(createdb: str, port: int) -> None:
    command = [createdb, "-h", "127.0.0.1", "-p", str(port), "-U", USER, DATABASE]
    deadline = time.monotonic() + SECONDS_TO_START
    while subprocess.run(command, capture_output=True, check=False).returncode:
        if time.monotonic() > deadline:
            raise TimeoutError("PostgreSQL did not start")
        time.sleep(0.2)
