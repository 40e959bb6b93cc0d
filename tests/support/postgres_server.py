"""A PostgreSQL of its own on loopback while a test runs; PostgreSQL refuses to run as root. No assertions here."""

import os
import shutil
import signal
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


class PostgresServer:
    """A server below a folder; it may be stopped in the middle of anything, and started again at the same port."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self._who = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
        self._programs = {name: program(name) for name in ("initdb", "postgres", "createdb")}
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        if self._who:
            shutil.chown(top, **self._who)
        make = [self._programs["initdb"], "-D", str(top / "data"), "-U", USER, "--auth=trust", "--no-sync"]
        subprocess.run(make, check=True, capture_output=True, cwd=top, **self._who)  # type: ignore[call-overload]

    def start(self) -> None:
        """Start it, and return when the database is there."""
        options = ["-c", "listen_addresses=127.0.0.1", "-k", str(self._top), "-c", "fsync=off"]
        start = [self._programs["postgres"], "-D", str(self._top / "data"), "-p", str(self.port), *options]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(start, cwd=self._top, **quiet, **self._who)  # type: ignore[call-overload]
        self.create_database(DATABASE)

    def create_database(self, name: str) -> None:
        """Make an empty database, unless it is there; return when the server has answered."""
        _create_database(self._programs["createdb"], self.port, name)

    def demand_password(self, user: str, password: str) -> None:
        """Make a user who may do all, and gets in with this password alone."""
        rules = self._top / "data/pg_hba.conf"
        if user not in rules.read_text():
            rules.write_text(f"host all {user} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        quoted = password.replace("'", "''")
        self.execute(DATABASE, f"create role {user} superuser login password '{quoted}'")
        self.execute(DATABASE, "select pg_reload_conf()")

    def execute(self, database: str, sql: str) -> None:
        """Run SQL as the owner."""
        address = f"host=127.0.0.1 port={self.port} user={USER} dbname={database}"
        command = [program("psql"), "-q", "-v", "ON_ERROR_STOP=1", "-d", address, "-c", sql]
        subprocess.run(command, check=True, capture_output=True, timeout=30)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT ends sessions in order, SIGQUIT all processes at once, as a crash does."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Yield a running server with an empty database."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as top:
        server = PostgresServer(Path(top))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def postgres() -> Iterator[int]:
    """Yield the port of a server with an empty database."""
    with postgres_server() as server:
        yield server.port


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _create_database(createdb: str, port: int, name: str) -> None:
    command = [createdb, "-h", "127.0.0.1", "-p", str(port), "-U", USER, name]
    deadline = time.monotonic() + SECONDS_TO_START
    while (done := subprocess.run(command, capture_output=True, text=True, check=False)).returncode:
        if "already exists" in done.stderr:
            return
        if time.monotonic() > deadline:
            raise TimeoutError("PostgreSQL did not start")
        time.sleep(0.2)
