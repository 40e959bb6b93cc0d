"""The event log kept open: Dagster's own files, with the same events in them, whoever else reads, deletes or is killed."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.storage.event_log import SqliteEventLogStorage

from pipelines.orchestrate.dagster_home import CONFIGURATION
from pipelines.orchestrate.event_log import MOST_OPEN, OpenEventLog

RUNS = "history/runs"
# Tells of each event once it is stored; is killed while it goes on.
ENDLESS = """
import sys
from pipelines.orchestrate.event_log import OpenEventLog
from tests.orchestrate.test_event_log import entry
log = OpenEventLog(sys.argv[1])
for number in range(1_000_000):
    log.store_event(entry("run_1", f"event {number}"))
    print(number, flush=True)
"""


def entry(run_id: str, message: str) -> dg.EventLogEntry:
    return dg.EventLogEntry(None, 10, message, run_id, 1.0)  # type: ignore[no-untyped-call]


def messages(log: SqliteEventLogStorage, run_id: str) -> list[str]:
    return [event.user_message for event in log.get_logs_for_run(run_id)]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[OpenEventLog]:
    opened = OpenEventLog(str(tmp_path))
    yield opened
    opened.dispose()


@dg.asset
def one() -> int:
    return 1


@pytest.mark.slow
def test_dagster_takes_it_from_its_home_and_no_event_opens_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_text(CONFIGURATION)
    opened: list[str] = []
    connect: Any = sqlite3.connect

    def told(path: str, **options: Any) -> Any:
        opened.append(Path(path).name)
        return connect(path, **options)

    monkeypatch.setattr(sqlite3.dbapi2, "connect", told)
    with dg.DagsterInstance.get() as instance:
        assert isinstance(instance.event_log_storage, OpenEventLog)
        dg.materialize([one], instance=instance)
        opened.clear()
        result = dg.materialize([one], instance=instance)
        kept = [event.message for event in instance.all_logs(result.run_id)]
    logs = [name for name in opened if name in ("index.db", f"{result.run_id}.db")]
    assert len(logs) <= 3 < len(kept), "the run's own is new; Dagster looks into the common one once, past the log"
    default = SqliteEventLogStorage(str(tmp_path / RUNS))
    assert [event.message for event in default.get_logs_for_run(result.run_id)] == kept
    assert yaml.safe_load(CONFIGURATION)["event_log_storage"]["config"] == {"base_dir": RUNS}


def test_another_process_reads_and_writes_beside_it(log: OpenEventLog, tmp_path: Path) -> None:
    default = SqliteEventLogStorage(str(tmp_path))
    for number in range(3):
        log.store_event(entry("run_1", f"ours {number}"))
        default.store_event(entry("run_1", f"theirs {number}"))
        assert messages(log, "run_1") == messages(default, "run_1")
    assert len(messages(log, "run_1")) == 6


@pytest.mark.slow
def test_a_deleted_file_is_made_again_and_few_stay_open(log: OpenEventLog, tmp_path: Path) -> None:
    for number in range(MOST_OPEN + 3):
        log.store_event(entry(f"run_{number}", "first"))
    assert len(log._opened) == MOST_OPEN
    newest = f"run_{MOST_OPEN + 2}"
    for file in tmp_path.glob(f"{newest}.db*"):
        file.unlink()
    log.store_event(entry(newest, "second"))
    assert messages(SqliteEventLogStorage(str(tmp_path)), newest) == ["second"]
    assert messages(log, "run_0") == ["first"]


@pytest.mark.slow
def test_a_kill_loses_no_event_that_was_stored(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ENDLESS, str(tmp_path)], stdout=subprocess.PIPE, text=True) as writing:
        assert writing.stdout is not None
        told = [int(writing.stdout.readline()) for _ in range(50)]
        writing.send_signal(signal.SIGKILL)
        told += [int(line) for line in writing.stdout.read().splitlines() if line]
    stored = messages(SqliteEventLogStorage(str(tmp_path)), "run_1")
    assert stored[: len(told)] == [f"event {number}" for number in told]
    with sqlite3.connect(tmp_path / "run_1.db") as con:
        assert con.execute("pragma integrity_check").fetchall() == [("ok",)]
