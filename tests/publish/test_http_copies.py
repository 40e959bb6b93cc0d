"""serve: a pointer and files in ranges, nothing else; nobody without the token."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from pipelines.database.connection import Warehouse
from pipelines.errors import BadSettings
from pipelines.paths import Layout
from pipelines.publish.http_copies import serve_copies, server_of
from tests.publish.test_parquet import NOON
from tests.support.publish_harness import publish_at


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "warehouse")
    with Warehouse(layout).write() as con:
        con.execute("create schema core; create schema marts; create table core.runs as from range(1000)")
    publish_at(layout, NOON)
    return layout


@contextmanager
def served(layout: Layout, token: str | None = None) -> Iterator[httpx.Client]:
    server = server_of(layout, token)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started:
            time.sleep(0.005)
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", follow_redirects=True) as client:
            yield client
        server.should_exit = True
        thread.join()


@pytest.fixture
def client(layout: Layout) -> Iterator[httpx.Client]:
    with served(layout) as client:
        yield client


def test_the_pointer_names_the_newest_copy_and_older_ones_stay(layout: Layout, client: httpx.Client) -> None:
    first = client.get("/current.json").json()
    file = (layout.snapshots / "1" / "recoup.duckdb").read_bytes()
    assert (first["snapshot"], first["database"], first["bytes"]) == (1, "/snapshots/1/recoup.duckdb", len(file))
    with Warehouse(layout).write() as con:
        con.execute("insert into core.runs values (1)")
    publish_at(layout, NOON)
    assert client.get("/current.json").json()["database"] == "/snapshots/2/recoup.duckdb"
    assert client.get(first["database"]).content == file


def test_files_come_in_ranges(layout: Layout, client: httpx.Client) -> None:
    file = (layout.snapshots / "1" / "recoup.duckdb").read_bytes()
    head = client.head("/snapshots/1/recoup.duckdb")
    assert (head.headers["accept-ranges"], int(head.headers["content-length"])) == ("bytes", len(file))
    part = client.get("/snapshots/1/recoup.duckdb", headers={"Range": "bytes=4096-8191"})
    assert (part.status_code, part.content) == (206, file[4096:8192])
    assert client.get("/snapshots/1/recoup.duckdb", headers={"Range": f"bytes={len(file)}-"}).status_code == 416


def test_nothing_else_is_served(client: httpx.Client, layout: Layout) -> None:
    private = f"/{layout.work.name}"
    for path in (
        *("/archive/", f"{private}/recoup.duckdb", f"{private}/privacy.key", "/current/recoup.duckdb", "/snapshots/"),
        *("/snapshots/9/recoup.duckdb", "/snapshots/1/other", "/snapshots/1/..%2f..%2fwork%2frecoup.duckdb"),
        "/snapshots/..%2fwork/recoup.duckdb",
    ):
        assert client.get(path).status_code == 404, path


def test_before_the_first_publish(tmp_path: Path) -> None:
    with served(Layout(tmp_path)) as client:
        assert client.get("/current.json").status_code == 404
        assert client.get("/").status_code == 404


def test_only_with_the_token(layout: Layout) -> None:
    with served(layout, "s3cret") as client:
        for told in ("", "Bearer other", "s3cret", "Bearer s3cret2"):
            for path in ("/current.json", "/snapshots/1/recoup.duckdb", "/elsewhere"):
                assert client.get(path, headers={"Authorization": told}).status_code == 401
        assert client.get("/current.json", headers={"Authorization": "Bearer s3cret"}).status_code == 200


def test_other_machines_need_a_token_and_a_free_port(layout: Layout) -> None:
    with pytest.raises(BadSettings, match="RECOUP_SERVE_TOKEN must be set"):
        serve_copies(layout, "0.0.0.0", 8788, None)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(BadSettings, match="cannot be used"):
        serve_copies(layout, "127.0.0.1", taken.getsockname()[1], None)
