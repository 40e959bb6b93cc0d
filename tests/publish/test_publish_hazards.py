"""Readers, locks and stray logs. Each hazard is shown twice: the naive way does the damage, publish does not."""

import errno
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import duckdb
import pytest

from pipelines.database.connection import Warehouse
from pipelines.errors import PublishRefused, WarehouseBusy
from pipelines.paths import Layout
from pipelines.publish.snapshots import current_snapshot
from tests.support.publish_harness import add_runs, leftovers, publish_as_it_is, publish_at, published_runs, run_child

READ_UNTIL_TOLD = """
import sys, threading
from pathlib import Path
import duckdb

file, done = sys.argv[1], threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), done.set()), daemon=True).start()
runs, copies = "(select count(*) from core.runs)", "(select count(*) from marts.copy)"
query = f"select (select max(run_count) from core.polls), {runs}, {copies}"
held, seen = duckdb.connect(str(Path(file).resolve()), read_only=True), set()
first = held.execute(query).fetchone()
print("ready", flush=True)
told = False
while not told:
    told = done.is_set()  # one more read after the last publish, which must show it
    with duckdb.connect(file, read_only=True) as con:
        counts = con.execute(query).fetchone()
    assert len(set(counts)) == 1, f"torn read: {counts}"
    assert held.execute(query).fetchone() == first, "a held connection changed under its reader"
    seen.add(counts[0])
print(len(seen), max(seen))
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "warehouse")


def another_process_can_write(file: Path) -> bool:
    return run_child("import duckdb, sys; duckdb.connect(sys.argv[1])", str(file)).returncode == 0


def leave_wal(file: Path, statement: str) -> Path:
    """Change a database the way a killed writer does: committed to the .wal, never checkpointed."""
    with duckdb.connect(str(file)) as con:
        con.execute("pragma disable_checkpoint_on_shutdown")
        con.execute(statement)
    wal = file.with_name(file.name + ".wal")
    assert wal.exists()
    return wal


# Readers


@pytest.mark.slow
def test_readers_in_other_processes_see_whole_snapshots_only(layout: Layout) -> None:
    add_runs(layout, 100)
    publish_at(layout)
    with ExitStack() as running:
        readers = [running.enter_context(start_reader(layout.published_file)) for _ in range(2)]
        for _ in range(6):
            add_runs(layout, 100)
            publish_at(layout)
        for reader in readers:
            output, errors = reader.communicate("", timeout=30)
            assert reader.returncode == 0, errors
            snapshots_seen, newest = map(int, output.split())
            assert snapshots_seen >= 2
            assert newest == 700


def start_reader(file: Path) -> "subprocess.Popen[str]":
    code = [sys.executable, "-c", READ_UNTIL_TOLD, str(file)]
    pipe = subprocess.PIPE
    reader = subprocess.Popen(code, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    assert reader.stdout is not None
    assert reader.stdout.readline() == "ready\n"
    return reader


def test_a_connection_held_in_this_process_stays_whole_and_a_new_one_is_fresh(layout: Layout) -> None:
    add_runs(layout, 100)
    publish_at(layout)
    with duckdb.connect(str(layout.published_file), read_only=True) as held:
        add_runs(layout, 50)
        publish_at(layout)
        with duckdb.connect(str(layout.published_file), read_only=True) as fresh:
            assert fresh.execute("select count(*) from core.runs").fetchall() == [(150,)]
        assert held.execute("select count(*) from core.runs").fetchall() == [(100,)]


def test_naive_replacing_the_file_leaves_a_pooled_reader_stale(layout: Layout, tmp_path: Path) -> None:
    add_runs(layout, 100)
    public = tmp_path / "public.duckdb"
    shutil.copyfile(layout.work_file, public)
    with duckdb.connect(str(public), read_only=True):
        add_runs(layout, 50)
        shutil.copyfile(layout.work_file, tmp_path / "next.duckdb")
        (tmp_path / "next.duckdb").replace(public)
        with duckdb.connect(str(public), read_only=True) as reconnected:
            assert reconnected.execute("select count(*) from core.runs").fetchall() == [(100,)]


# A stray .wal


def test_naive_replacing_a_file_beside_a_stray_wal_shows_rows_that_never_were(layout: Layout, tmp_path: Path) -> None:
    add_runs(layout, 1000)
    public = tmp_path / "public.duckdb"
    shutil.copyfile(layout.work_file, public)
    leave_wal(public, "insert into core.runs select range from range(50)")
    shutil.copyfile(layout.work_file, tmp_path / "next.duckdb")
    (tmp_path / "next.duckdb").replace(public)
    try:
        with duckdb.connect(str(public)) as con:
            shown = con.execute("select count(*) from core.runs").fetchall()[0][0]
    except duckdb.Error:
        return  # DuckDB 2.0 refuses the foreign log; 1.5 replays it
    assert shown == 1050


def test_a_stray_wal_beside_a_snapshot_never_reaches_the_next_one(layout: Layout) -> None:
    add_runs(layout, 1000)
    live = publish_at(layout).path
    live.chmod(0o644)
    leave_wal(live, "insert into core.runs select range from range(50)")
    publish_at(layout)
    assert published_runs(layout) == 1000
    assert [entry.name for entry in layout.current.iterdir() if entry.suffix == ".wal"] == []


def test_naive_copying_without_the_wal_loses_rows_and_publish_does_not(layout: Layout, tmp_path: Path) -> None:
    add_runs(layout, 1000)
    leave_wal(layout.work_file, "insert into core.runs select range from range(50)")
    naive = tmp_path / "naive.duckdb"
    shutil.copyfile(layout.work_file, naive)
    with duckdb.connect(str(naive), read_only=True) as con:
        assert con.execute("select count(*) from core.runs").fetchall() == [(1000,)]
    publish_at(layout)
    assert published_runs(layout) == 1050


def test_extras_that_leave_a_wal_are_refused(layout: Layout) -> None:
    add_runs(layout, 10)

    def careless(published_copy: Path, _folder: Path) -> None:
        leave_wal(published_copy, "insert into core.runs values (1)")

    with pytest.raises(PublishRefused, match=r"\.wal exists"):
        publish_as_it_is(layout, extras=careless)
    assert current_snapshot(layout) is None
    assert leftovers(layout) == []


# The lock that a copy drops


def test_naive_copying_an_open_file_lets_a_second_writer_in(layout: Layout, tmp_path: Path) -> None:
    add_runs(layout, 10)
    with duckdb.connect(str(layout.work_file)):
        assert not another_process_can_write(layout.work_file)
        shutil.copyfile(layout.work_file, tmp_path / "naive.duckdb")
        assert another_process_can_write(layout.work_file)


def test_publish_refuses_while_this_process_has_the_work_file_open_and_keeps_its_lock(layout: Layout) -> None:
    add_runs(layout, 10)
    with duckdb.connect(str(layout.work_file)), pytest.raises(PublishRefused, match="of this process"):
        publish_at(layout)
    with Warehouse(layout).open(layout.work_file):  # the same configuration as publish's own connection
        with pytest.raises(PublishRefused, match="of this process"):
            publish_at(layout)
        assert not another_process_can_write(layout.work_file)
    assert current_snapshot(layout) is None


def test_publish_names_the_program_that_has_the_work_file_open(layout: Layout) -> None:
    add_runs(layout, 10)
    code = "import duckdb, sys; con = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(layout.work_file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(WarehouseBusy, match=rf"PID {other.pid}\b.*open current/recoup.duckdb instead"):
            publish_at(layout)
        other.communicate("")


def test_publish_waits_for_the_writer_and_then_says_who_it_is(layout: Layout) -> None:
    add_runs(layout, 10)
    with Warehouse(layout).locked(), pytest.raises(WarehouseBusy, match=f"written by process {os.getpid()}"):
        publish_as_it_is(layout, lock_wait_seconds=0)
    with Warehouse(layout).publishing(), pytest.raises(WarehouseBusy, match=f"published by process {os.getpid()}"):
        publish_as_it_is(layout, lock_wait_seconds=0)


@pytest.mark.parametrize("error", [ZeroDivisionError(), OSError(errno.ENOSPC, "full"), duckdb.IOException("No space")])
def test_whatever_fails_is_passed_on_and_leaves_the_previous_copy(layout: Layout, error: Exception) -> None:
    """What the machine refuses is put into words where all of it is."""
    add_runs(layout, 10)
    publish_at(layout)
    add_runs(layout, 1)

    def broken(_published_copy: Path, folder: Path) -> None:
        (folder / "report.html").write_text("half")
        raise error

    with pytest.raises(type(error)):
        publish_as_it_is(layout, extras=broken)
    assert published_runs(layout) == 10
    assert leftovers(layout) == []
