"""Nights note what is wrong and call the watchdog, and nothing about it can fail a night."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import duckdb
import pytest

from pipelines.archive.store import Archive
from pipelines.clock import fixed
from pipelines.database.core_schema import apply_core
from pipelines.errors import ChecksFailed
from pipelines.incidents.ledger import is_lost, open_ledger
from pipelines.incidents.watch import Night, beat, note_build, note_night, tell
from pipelines.nightly import noted
from pipelines.paths import Layout
from pipelines.publish.snapshots import flip
from pipelines.settings import Settings
from pipelines.transform.checks import CheckResult
from tests.support.bodies import NOON
from tests.support.polled_world import PolledWorld
from tests.support.publish_harness import publish_as_it_is
from tests.support.warehouse_builder import WarehouseBuilder

BAD_CHECK = CheckResult("unique_run_id", ("core", "runs"), "error", False, 7, "A failing key has more than one row")


@contextmanager
def watchdog() -> Iterator[tuple[str, list[str]]]:
    called: list[str] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            called.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/beat", called
        server.shutdown()


def ledger(settings: Settings, query: str) -> list[tuple[object, ...]]:
    with open_ledger(settings.layout) as con:
        return [tuple(row) for row in con.execute(query)]


@pytest.mark.slow
def test_a_night_that_fails_is_an_incident_until_one_goes_well(tmp_path: Path) -> None:
    with watchdog() as (url, called):
        settings = Settings.load(warehouse_dir=tmp_path, heartbeat_url=url, incident_sinks=f"file:{tmp_path}/told")
        beat(settings, "/start")
        for _ in range(2):
            with pytest.raises(ChecksFailed), noted(settings, lambda: NOON) as night:
                night.checks.append(BAD_CHECK)
                raise ChecksFailed("nothing was published")
        query = "select kind, state, measure from incidents order by kind"
        assert ledger(settings, query) == [("check_failing", "open", 7.0), ("night_failing", "open", 2.0)]
        with noted(settings, lambda: NOON) as night:
            night.checks.append(CheckResult("unique_run_id", ("core", "runs"), "error", True, 0, "A failing key"))
        assert {state for _, state, _ in ledger(settings, query)} == {"recovered"}
        assert called == ["/beat/start", "/beat/fail", "/beat/fail", "/beat"]
        assert len((tmp_path / "told").read_text().splitlines()) == 4
    assert ledger(settings, "select distinct name from check_results") == [("unique_run_id",)]


@pytest.mark.slow
def test_a_build_puts_incidents_and_check_results_where_analysts_read(tmp_path: Path) -> None:
    settings = Settings.load(warehouse_dir=tmp_path)
    house = WarehouseBuilder().task("t", title="Weekly digest")
    for day in range(15, 20):
        house.run(f"r{day}", created_at=f"2026-08-{day}T09:00:00Z", outcome="failed")
    house.build()
    note_night(settings, lambda: NOON, Night([BAD_CHECK], 7))
    note_build(house.con, settings, lambda: NOON)
    shown = house.query("select kind, title, state from core.incidents where kind = 'task_failing'")
    assert shown == [("task_failing", "Weekly digest", "open")]
    assert house.query("select relation, failing_count, snapshot_number from core.check_results") == [
        ("core.runs", 7, 7)
    ]
    assert house.failing_checks("core.incidents", "core.check_results") == {}


@pytest.mark.slow
def test_a_chain_that_lost_what_copies_noted_is_told_the_night_after(tmp_path: Path) -> None:
    world = PolledWorld(tmp_path / "warehouse", run_details="off")
    settings = world.settings
    for hours in (1, 2):
        world.poll(hours)
    publish_as_it_is(settings.layout)
    chain = Archive(settings.layout.archive).chain.path
    sound = chain.read_bytes()
    shown = "select state, cause from incidents where kind = 'archive_damaged'"
    for night, damaged in enumerate(
        (b"", sound.splitlines(keepends=True)[0], sound.replace(b'"number":2', b'"number":3'))
    ):
        note_night(settings, fixed(NOON + timedelta(days=2 * night)), Night())
        assert {state for state, _ in ledger(settings, shown)} <= {"recovered"}
        chain.write_bytes(damaged)
        note_night(settings, fixed(NOON + timedelta(days=2 * night + 1)), Night())
        [cause] = [cause for state, cause in ledger(settings, shown) if state == "open"]
        assert str(cause).startswith("its line 2 is gone or another than snapshot 1 noted")
        chain.write_bytes(sound)


@pytest.mark.parametrize(
    "wrong",
    [
        {"incident_sinks": "htp://x/hush-hush"},
        {"incident_limits_file": "/does/not/exist"},
        {"heartbeat_url": "http://127.0.0.1:9/hush-hush"},
        {"incident_sinks": "http://127.0.0.1:9/hush-hush"},
    ],
)
def test_nothing_of_it_fails_a_night(tmp_path: Path, wrong: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings.load(warehouse_dir=tmp_path, **wrong)
    caplog.set_level(logging.WARNING)
    with noted(settings, lambda: NOON) as night:
        night.checks.append(BAD_CHECK)
    assert caplog.records
    assert "hush-hush" not in caplog.text
    # A night is kept whatever is wrong with the settings of incidents.
    assert ledger(settings, "select name, failing_count from check_results") == [("unique_run_id", 7)]
    assert ledger(settings, "select name from facts where name = 'last_good_night_at'") != []


def test_a_misspelt_sink_silences_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    told, second = tmp_path / "told", tmp_path / "second"
    settings = Settings.load(warehouse_dir=tmp_path, incident_sinks=f"fil:{second} file:{told}")
    with noted(settings, lambda: NOON) as night:
        night.checks.append(BAD_CHECK)
    assert "RECOUP_INCIDENT_SINKS, entry 1" in caplog.text
    assert len(told.read_text().splitlines()) == 1
    settings = Settings.load(warehouse_dir=tmp_path, incident_sinks=f"file:{second} file:{told}")
    with noted(settings, lambda: NOON) as night:
        night.checks.append(BAD_CHECK)
    assert len(second.read_text().splitlines()) == len(told.read_text().splitlines()) == 1


def test_a_ledger_that_cannot_be_written_fails_no_build(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings.load(warehouse_dir=tmp_path)
    settings.layout.incidents.mkdir()
    (settings.layout.incidents / "ledger.sqlite").write_text("no database")
    with duckdb.connect() as con:
        apply_core(con)
        note_build(con, settings, lambda: NOON)
        tell(settings, lambda: NOON)
    assert "incidents were not noted" in caplog.text


@pytest.mark.parametrize("left", [None, b""])
def test_a_ledger_that_is_gone_is_missed(tmp_path: Path, left: bytes | None, caplog: pytest.LogCaptureFixture) -> None:
    layout = Layout(tmp_path / "w")
    for number in (1, 2):
        with open_ledger(layout):
            (layout.snapshots / str(number)).mkdir()
            flip(layout, number)
        layout.incident_ledger.unlink()
        if left is not None:
            layout.incident_ledger.write_bytes(left)
        assert is_lost(layout) == (number == 2), "the first publish begins one"
    with open_ledger(layout):
        assert str(layout.incident_ledger) in caplog.text
    assert not is_lost(layout)
