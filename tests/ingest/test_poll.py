"""Polling on bad days: a clear message, and every table as it was. Kills are in test_killed_polls.py."""

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.clock import fixed
from pipelines.database.connection import Warehouse
from pipelines.errors import BadPayload, RecoupError, Refused, Unreachable, WarehouseBusy
from pipelines.ingest.poll import poll
from pipelines.load import stage
from pipelines.settings import Settings
from pipelines.simulator import Fault, Fleet, Simulator, serve
from tests.support.bodies import NOON, body, run, task

START = datetime(2026, 8, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def simulated() -> Iterator[tuple[Simulator, str]]:
    simulator = Simulator(Fleet.demo(seed=7, start=START, history=timedelta(days=2)), now=START)
    with serve(simulator) as origin:
        yield simulator, origin


@pytest.fixture
def api(simulated: tuple[Simulator, str], tmp_path: Path) -> tuple[Simulator, Settings]:
    simulator, origin = simulated
    simulator.clear_faults()
    simulator.set_now(START + HOUR)
    return simulator, settings_of(origin, tmp_path)


def settings_of(origin: str, folder: Path) -> Settings:
    return Settings.load(
        warehouse_dir=folder, api_url=origin, api_key="recoup_sk_simulated", privacy_key="k", max_attempts=1,
        run_details="off", timeout_seconds=2, max_body_megabytes=1, lock_wait_seconds=0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def polled(simulated: tuple[Simulator, str], tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A warehouse with one good poll, which no bad answer may change."""
    settings = settings_of(simulated[1], tmp_path_factory.mktemp("polled"))
    poll(settings, clock=fixed(START + HOUR))
    return settings


def rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with Warehouse.of(settings).write() as con:
        return con.execute(query).fetchall()


def state(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    """Return every core table but the polls' own."""
    names = "select table_name from duckdb_tables() where schema_name = 'core' and table_name not in "
    names += "('polls', 'responses')"
    with Warehouse.of(settings).write() as con:
        tables = [name for (name,) in con.execute(names).fetchall()]
        return {name: sorted(con.execute(f"from core.{name}").fetchall(), key=repr) for name in tables}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "error", "said"),
    [
        ("unauthorized", Refused, "RECOUP_API_KEY"),
        ("unauthorized_message_form", Refused, "RECOUP_API_KEY"),
        ("forbidden", Refused, "403"),
        ("rate_limited", Unreachable, "429"),
        ("server_error", Unreachable, "500"),
        ("gateway_timeout", Unreachable, "504"),
        ("html", BadPayload, "HTML"),
        ("truncated", RecoupError, "GET /api/tasks"),
        ("malformed", BadPayload, "JSON"),
        ("empty_body", BadPayload, "empty"),
        ("error_with_200", BadPayload, "status error"),
        ("oversized", BadPayload, "RECOUP_MAX_BODY_MEGABYTES"),
        ("disconnect", Unreachable, "GET /api/tasks"),
    ],
)
def test_each_bad_answer_ends_the_poll_as_failed_and_changes_nothing(
    api: tuple[Simulator, Settings], polled: Settings, kind: str, error: type[RecoupError], said: str
) -> None:
    simulator, _ = api
    settings = polled
    before = state(settings)
    assert before["runs"]
    simulator.add_fault(Fault(kind=kind))
    with pytest.raises(error, match=said) as raised:
        poll(settings, clock=lambda: datetime.now(UTC))
    assert state(settings) == before
    status, error_kind, message = rows(
        settings, "select status, error_kind, error_message from core.polls order by poll_id desc"
    )[0]
    assert (status, error_kind, message) == ("failed", type(raised.value).__name__, str(raised.value))
    assert "recoup_sk_simulated" not in message


def test_no_connection_at_all(api: tuple[Simulator, Settings]) -> None:
    _, settings = api
    nobody = settings.model_copy(update={"api_url": "http://127.0.0.1:9"})
    with pytest.raises(Unreachable, match="RECOUP_API_URL"):
        poll(nobody, clock=fixed(START))


def test_the_key_is_asked_for_by_name(api: tuple[Simulator, Settings]) -> None:
    _, settings = api
    with pytest.raises(Refused, match="RECOUP_API_KEY"):
        poll(settings.model_copy(update={"api_key": None}), clock=fixed(START))


@pytest.mark.slow
def test_filters_make_a_poll_partial(api: tuple[Simulator, Settings]) -> None:
    _, settings = api
    poll(settings, clock=fixed(START))
    task_id = rows(settings, "select min(task_id) from core.tasks")[0][0]
    row = poll(settings.model_copy(update={"task_ids": (task_id,)}), clock=fixed(START + HOUR))
    assert (row.task_count, row.is_full_scope, row.deleted_task_count) == (1, False, 0)


def test_a_second_writer_says_who_holds_the_lock(api: tuple[Simulator, Settings]) -> None:
    _, settings = api
    with Warehouse.of(settings).locked(), pytest.raises(WarehouseBusy, match=f"process {os.getpid()}"):
        poll(settings, clock=fixed(START))


def test_two_polls_at_once_both_count(api: tuple[Simulator, Settings]) -> None:
    _, settings = api
    patient = settings.model_copy(update={"lock_wait_seconds": 30})
    threads = [threading.Thread(target=poll, args=(patient,), kwargs={"clock": fixed(START)}) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(settings, "select status, count(*) from core.polls group by status") == [("succeeded", 2)]
    assert rows(settings, "select count(*) - count(distinct run_id) from core.runs") == [(0,)]


def saved(folder: Path, name: str, tasks: list[dict[str, Any]]) -> Path:
    path = folder / name
    path.write_bytes(body(tasks))
    return path


@pytest.mark.slow
def test_the_order_in_which_saved_polls_are_loaded_does_not_matter(tmp_path: Path) -> None:
    monday = saved(tmp_path, "monday.json", [task(title="old", runs=[run("run_1"), run("run_2", version="1")])])
    tuesday = saved(tmp_path, "tuesday.json", [task(title="new", runs=[run("run_2", version="2"), run("run_3")])])
    plan = [(NOON, monday), (NOON + 24 * HOUR, tuesday)]
    states = []
    for name, order in (("there", plan), ("back", plan[::-1])):
        settings = Settings.load(warehouse_dir=tmp_path / name, privacy_key="k")
        for at, path in order:
            poll(settings, clock=fixed(at), load_files=[path])
        states.append(state(settings))
    assert states[0] == states[1]


def test_a_body_that_is_not_tasks_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    path.write_text('{"status": "success"}')
    with pytest.raises(BadPayload, match="notes.json"):
        poll(Settings.load(warehouse_dir=tmp_path / "w"), clock=fixed(NOON), load_files=[path])


@pytest.mark.slow
def test_a_first_poll_whose_parts_are_read_side_by_side_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "BATCH_BYTES", 1)
    files = [saved(tmp_path, f"{n}.json", [task(f"task_{n}", runs=[run(f"run_{n}")])]) for n in range(4)]
    settings = Settings.load(warehouse_dir=tmp_path / "w")
    assert poll(settings, clock=fixed(NOON), load_files=files).run_count == 4
