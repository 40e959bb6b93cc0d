"""Nobody waits for the network: while a poll asks, others lock, build and rebuild; what is kept out is loaded later."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.clock import fixed
from pipelines.database.connection import Warehouse
from pipelines.errors import RecoupError, WarehouseBusy
from pipelines.ingest.poll import load_pending, poll
from pipelines.load.rebuild import rebuild
from pipelines.load.session import Loader
from pipelines.recoup.client import RecoupClient
from pipelines.settings import Settings
from tests.support.bodies import NOON, body, run, runs_body, task

HOUR = timedelta(hours=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(
        warehouse_dir=tmp_path / "w", api_url="http://127.0.0.1:9", api_key="recoup_sk_x", privacy_key="k",
        lock_wait_seconds=0, max_attempts=1,
    )  # fmt: skip


def poll_while(settings: Settings, meanwhile: Callable[[httpx.Request], None], at: Any = NOON) -> str:
    """Poll an API that does something before each of its answers, and whose one task failed once."""

    def answer(request: httpx.Request) -> httpx.Response:
        meanwhile(request)
        failed = run("run_1", NOON - HOUR, status="FAILED")
        content = body([task(runs=[failed])]) if request.url.path == "/api/tasks" else runs_body([failed])
        return httpx.Response(200, content=content)

    with RecoupClient(settings, clock=fixed(at), transport=httpx.MockTransport(answer)) as client:
        return poll(settings, clock=fixed(at), client=client).status


def rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with Warehouse.of(settings).write() as con:
        return con.execute(query).fetchall()


@pytest.mark.slow
def test_the_lock_is_free_at_every_request(settings: Settings) -> None:
    asked: list[str] = []

    def locks(request: httpx.Request) -> None:
        with Warehouse.of(settings).locked():
            asked.append(request.url.path)

    assert poll_while(settings, locks) == "succeeded"
    assert asked == ["/api/tasks", "/api/tasks/runs"]
    assert rows(settings, "select details_call_count from core.polls") == [(1,)]


@pytest.mark.slow
def test_a_rebuild_and_a_load_meanwhile_leave_the_poll_that_asks_alone(settings: Settings) -> None:
    def others(_request: httpx.Request) -> None:
        rebuild(settings)
        warehouse = Warehouse.of(settings)
        with warehouse.write() as con:
            load_pending(Loader.of(con, settings), lambda _: warehouse.is_polled())
            assert con.execute("select count(*) from core.polls").fetchall() == [(0,)]

    assert poll_while(settings, others) == "succeeded"
    assert rows(settings, "select status from core.polls") == [("succeeded",)]
    assert not Warehouse.of(settings).is_polled()


@pytest.mark.slow
def test_a_second_poll_is_told_that_one_is_under_way(settings: Settings) -> None:
    def polls(_request: httpx.Request) -> None:
        with pytest.raises(WarehouseBusy, match="polled by process"):
            poll_while(settings, lambda _: None)

    assert poll_while(settings, polls) == "succeeded"


@pytest.mark.slow
def test_what_cannot_be_loaded_now_is_loaded_later(settings: Settings) -> None:
    poll_while(settings, lambda _: None)
    with Warehouse.of(settings).locked(), pytest.raises(WarehouseBusy, match="written by process"):
        poll_while(settings, lambda _: None, NOON + HOUR)
    assert rows(settings, "select count(*) from core.polls") == [(1,)]
    poll_while(settings, lambda _: None, NOON + 2 * HOUR)
    polls = rows(settings, "select status, recovery_note is not null, task_count from core.polls order by poll_id")
    assert polls == [("succeeded", False, 1), ("succeeded", True, 1), ("succeeded", False, 1)]


@pytest.mark.slow
def test_a_failed_poll_is_told_by_the_next_when_somebody_writes(settings: Settings) -> None:
    def is_down(_request: httpx.Request) -> None:
        raise httpx.ConnectError("nobody there")

    # The first poll of all makes the key, and waits for the lock.
    poll_while(settings, lambda _: None, NOON - HOUR)
    with Warehouse.of(settings).locked(), suppress(RecoupError):
        poll_while(settings, is_down)
    poll_while(settings, lambda _: None, NOON + HOUR)
    statuses = [status for (status,) in rows(settings, "select status from core.polls order by poll_id")]
    assert statuses == ["succeeded", "failed", "succeeded"]
