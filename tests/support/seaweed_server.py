"""An S3 of its own on loopback while a test runs: SeaweedFS, with a bucket and two keys. No assertions here."""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from pipelines.lake.connection import extension_file
from tests.support.postgres_server import free_port

SECONDS_TO_START = 60
WRITER, READER = ("WRITERKEY", "writer-s3cret"), ("READERKEY", "reader-s3cret")
BUCKET = "lake"


class SeaweedServer:
    """A server below a folder; it may be killed in the middle of anything, and started again at the same port."""

    def __init__(self, top: Path) -> None:
        found = shutil.which("weed", path=str(Path(sys.executable).parent))
        if found is None:
            pytest.skip("weed is not installed (make setup)")
        self._program, self._top = found, top
        self._process: subprocess.Popen[bytes] | None = None
        names = ("master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc", "s3", "s3.grpc")
        self._ports = {name: free_port() for name in names}
        (top / "s3.json").write_text(json.dumps({"identities": [_identity(WRITER, "Write"), _identity(READER)]}))

    @property
    def port(self) -> int:
        """Where S3 is spoken."""
        return self._ports["s3"]

    def start(self) -> None:
        """Start it, and return when it answers."""
        ports = [
            f"-{name.split('.')[0]}.port{'.grpc' if name.endswith('grpc') else ''}={port}"
            for name, port in self._ports.items()
        ]
        options = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.volumeSizeLimitMB=64", "-volume.max=100"]
        secrets = ["-s3", f"-s3.config={self._top / 's3.json'}", "-master.telemetry=false"]
        # Else it listens on ports that others may have.
        quiet = ["-s3.port.iceberg=0", "-s3.port.lance=0"]
        sockets = [f"-{name}.localSocket={self._top / name}.sock" for name in ("filer", "s3")]
        command = [self._program, "server", f"-dir={self._top}", *options, *secrets, *ports, *quiet, *sockets]
        with (self._top / "weed.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + SECONDS_TO_START
        while not _listens(self.port):
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise TimeoutError(f"SeaweedFS did not start: {(self._top / 'weed.log').read_text()[-500:]}")
            time.sleep(0.2)
        # It listens before it can read and write.
        while not _writes(self.port):
            if time.monotonic() > deadline:
                raise TimeoutError("SeaweedFS listens, and does not take a file")
            time.sleep(0.5)

    @contextmanager
    def full(self) -> Iterator[None]:
        """The bucket takes nothing more, since it holds more than its quota."""
        self._shell(f"s3.bucket.quota -name={BUCKET} -op=set -sizeMB=1")
        deadline = time.monotonic() + SECONDS_TO_START
        # What the bucket holds is counted every few seconds.
        while "to read only" not in self._shell("s3.bucket.quota.enforce -apply"):
            if time.monotonic() > deadline:
                raise TimeoutError("the bucket holds less than its quota")
            time.sleep(1)
        try:
            yield
        finally:
            self._shell(f"s3.bucket.quota -name={BUCKET} -op=remove", "s3.bucket.quota.enforce -apply")

    def _shell(self, *commands: str) -> str:
        places = [
            f"-{name}=127.0.0.1:{self._ports[name]}.{self._ports[f'{name}.grpc']}" for name in ("master", "filer")
        ]
        text = "\n".join(["lock", *commands, "unlock", ""])
        command = [self._program, "shell", *places]
        return subprocess.run(command, input=text, text=True, capture_output=True, timeout=60, check=True).stdout

    def stop(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None


@contextmanager
def seaweed_server() -> Iterator[SeaweedServer]:
    """Yield a running server."""
    with tempfile.TemporaryDirectory(prefix="seaweed-", ignore_cleanup_errors=True) as top:
        server = SeaweedServer(Path(top))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _writes(port: int) -> bool:
    """Write an object; the first one makes the bucket, too, since the key may do so."""
    key, secret = WRITER
    with duckdb.connect() as con:
        con.execute(f"load '{extension_file('httpfs')}'")
        place = f"endpoint '127.0.0.1:{port}', url_style 'path', use_ssl false"
        con.execute(f"create secret (type s3, key_id '{key}', secret '{secret}', {place})")
        try:
            con.execute(f"copy (select 1 as one) to 's3://{BUCKET}/made.parquet'")
        except duckdb.Error:
            return False
    return True


def _identity(key: tuple[str, str], *more: str) -> dict[str, object]:
    credentials = [{"accessKey": key[0], "secretKey": key[1]}]
    return {
        "name": key[0],
        "credentials": credentials,
        "actions": ["Read", "List", *more, *(["Admin"] if more else [])],
    }


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        return False
    return True
