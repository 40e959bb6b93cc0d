"""Publishing: what readers see while a copy is swapped, killed, refused, or pruned.

Each hazard is shown twice: the naive way does the damage, ours does not. Builds have their own tests.
"""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from pipelines import snapshots
from pipelines.clock import fixed
from pipelines.errors import NothingPublished, PublishRefused, WarehouseBusy
from pipelines.layout import Layout
from pipelines.publish import publish, verify
from pipelines.snapshots import Snapshot, current_snapshot, snapshot_numbers
from pipelines.warehouse import Warehouse, open_published

NOON = datetime(2026, 8, 20, 12, tzinfo=UTC)
STEPS = ("cleaned", "sealed", "copied", "verified", "settled", "enrolled", "flipped")

PUBLISH_AND_DIE = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from pipelines.layout import Layout
from pipelines.publish import publish

def die(step):
    if step == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

publish(Layout(Path(sys.argv[1])), kept=3, clock=lambda: datetime(2026, 8, 20, 12, tzinfo=UTC), on_step=die)
"""

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


def add_runs(layout: Layout, count: int) -> None:
    """Add runs, and note the new total in core.polls and in a mart: three numbers that always agree."""
    with Warehouse(layout).write() as con:
        con.execute("begin")
        con.execute("create schema if not exists core; create schema if not exists marts")
        con.execute("create table if not exists core.runs (run_id bigint)")
        con.execute("create table if not exists core.polls (run_count bigint)")
        con.execute("insert into core.runs select range from range(?)", [count])
        con.execute("insert into core.polls select count(*) from core.runs")
        con.execute("create or replace table marts.copy as select run_id from core.runs")
        con.execute("commit")


def publish_at(layout: Layout, now: datetime = NOON, kept: int = 3) -> Snapshot:
    return publish(layout, kept=kept, clock=fixed(now), lock_wait_seconds=5)


def published_runs(layout: Layout) -> int:
    with open_published(layout) as con:
        return int(con.execute("select count(*) from core.runs").fetchall()[0][0])


def leftovers(layout: Layout) -> list[str]:
    hidden = [entry.name for entry in layout.snapshots.iterdir() if entry.name.startswith(".")]
    return hidden + [entry.name for entry in layout.root.iterdir() if entry.name.startswith(".")]


def run_child(code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


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


# What a publish leaves behind


def test_nothing_is_published_before_the_first_publish(layout: Layout) -> None:
    with pytest.raises(PublishRefused, match="nothing to publish"):
        publish_at(layout)
    with pytest.raises(NothingPublished):
        open_published(layout)
    assert current_snapshot(layout) is None


def test_the_copy_holds_what_the_work_file_holds_and_says_so(layout: Layout) -> None:
    add_runs(layout, 700)
    snapshot = publish_at(layout)
    assert snapshot.row_counts == {"core.polls": 1, "core.runs": 700, "marts.copy": 700}
    assert snapshot.number == 1
    assert snapshot.published_at == NOON
    assert snapshot.bytes == layout.published_file.stat().st_size
    assert snapshot.path.samefile(layout.published_file)
    assert current_snapshot(layout) == snapshot
    with open_published(layout) as con:
        last = con.execute("select max(run_count) from core.polls").fetchall()[0][0]
    assert last == snapshot.row_counts["core.runs"]


def test_the_published_folder_is_read_only_and_holds_nothing_else(layout: Layout) -> None:
    add_runs(layout, 10)
    folder = publish_at(layout).path.parent
    assert {entry.name: entry.stat().st_mode & 0o777 for entry in folder.iterdir()} == {
        "recoup.duckdb": 0o444,
        "snapshot.json": 0o444,
    }
    assert folder.stat().st_mode & 0o777 == 0o755
    assert layout.work_file.stat().st_mode & 0o777 == 0o600


def test_a_reader_cannot_write(layout: Layout) -> None:
    add_runs(layout, 10)
    publish_at(layout)
    with open_published(layout) as con:
        for statement in (
            "insert into core.runs values (1)",
            "drop table core.runs",
            "create table t (i int)",
        ):
            with pytest.raises(duckdb.InvalidInputException, match="read-only"):
                con.execute(statement)
    assert published_runs(layout) == 10


@pytest.mark.skipif(os.geteuid() == 0, reason="file modes do not bind the superuser")
def test_the_file_mode_keeps_out_who_opens_it_read_write(layout: Layout) -> None:
    add_runs(layout, 10)
    publish_at(layout)
    with pytest.raises(duckdb.IOException):
        duckdb.connect(str(layout.published_file))


def test_extras_go_live_with_the_copy_they_describe(layout: Layout) -> None:
    add_runs(layout, 25)

    def report(published_copy: Path, folder: Path) -> None:
        with duckdb.connect(str(published_copy), read_only=True) as con:
            rows = con.execute("select count(*) from core.runs").fetchall()[0][0]
        (folder / "report.html").write_text(f"{rows} runs")

    publish(layout, kept=3, clock=fixed(NOON), extras=report)
    assert (layout.current / "report.html").read_text() == "25 runs"
    assert (layout.current / "report.html").stat().st_mode & 0o777 == 0o444


# Killed anywhere, the old copy stays and the next publish cleans up


@pytest.mark.parametrize("step", STEPS)
def test_a_publish_killed_after_any_step_leaves_a_whole_copy(layout: Layout, step: str) -> None:
    add_runs(layout, 100)
    publish_at(layout)
    add_runs(layout, 50)
    killed = run_child(PUBLISH_AND_DIE, str(layout.root), step)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert published_runs(layout) == (150 if step == "flipped" else 100)
    assert not list(layout.root.rglob("*.wal"))

    add_runs(layout, 1)
    snapshot = publish_at(layout, NOON + timedelta(hours=1))
    assert published_runs(layout) == 151
    assert leftovers(layout) == []
    assert snapshot.number == max(snapshot_numbers(layout))


def test_the_steps_that_are_killed_above_are_all_there_are(layout: Layout) -> None:
    add_runs(layout, 1)
    heard: list[str] = []
    publish(layout, kept=3, clock=fixed(NOON), on_step=heard.append)
    assert tuple(heard) == STEPS


def test_publishes_killed_again_and_again_do_not_fill_the_disk(layout: Layout) -> None:
    add_runs(layout, 1)
    publish_at(layout)
    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            publish(layout, kept=1, clock=fixed(NOON), on_step=_interrupt_once_enrolled)
    assert current_snapshot(layout) is not None
    assert published_runs(layout) == 1
    assert len(snapshot_numbers(layout)) <= 4


def _interrupt_once_enrolled(step: str) -> None:
    if step == "enrolled":
        raise KeyboardInterrupt


def test_half_removed_snapshots_and_half_made_links_are_cleaned(layout: Layout) -> None:
    add_runs(layout, 5)
    publish_at(layout)
    (layout.snapshots / ".doomed-0").mkdir()
    (layout.snapshots / ".staging-9").mkdir()
    (layout.snapshots / ".staging-9" / "recoup.duckdb").write_bytes(b"half a file")
    (layout.root / snapshots.NEW_LINK).symlink_to("snapshots/9")
    publish_at(layout)
    assert leftovers(layout) == []
    assert snapshot_numbers(layout) == [1, 2]


# Readers


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


def test_naive_replacing_a_file_beside_a_stray_wal_shows_rows_that_never_were(
    layout: Layout, tmp_path: Path
) -> None:
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


def test_naive_copying_without_the_wal_loses_rows_and_publish_does_not(
    layout: Layout, tmp_path: Path
) -> None:
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
        publish(layout, kept=3, clock=fixed(NOON), extras=careless)
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
    code = (
        "import duckdb, sys; con = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    )
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
    with Warehouse(layout).locked(), pytest.raises(WarehouseBusy, match=f"process {os.getpid()}"):
        publish(layout, kept=3, clock=fixed(NOON), lock_wait_seconds=0)


# Retention


def lay_down(layout: Layout, *published_at: datetime) -> None:
    """Put numbered snapshots on disk, the last one live, without the cost of real databases."""
    layout.prepare()
    for number, instant in enumerate(published_at, start=1):
        folder = layout.snapshots / str(number)
        folder.mkdir()
        snapshots.write_manifest(folder, Snapshot(number, folder / "recoup.duckdb", instant, 0, {}))
    snapshots.flip(layout, len(published_at))


def test_only_the_newest_snapshots_are_kept(layout: Layout) -> None:
    lay_down(layout, *(NOON + timedelta(hours=hour) for hour in range(8)))
    assert snapshots.prune(layout, kept=3, now=NOON + timedelta(hours=8)) == [1, 2, 3, 4, 5]
    assert snapshot_numbers(layout) == [6, 7, 8]


def test_a_publish_prunes(layout: Layout) -> None:
    lay_down(layout, *(NOON + timedelta(hours=hour) for hour in range(6)))
    add_runs(layout, 1)
    publish_at(layout, NOON + timedelta(hours=6))
    assert snapshot_numbers(layout) == [5, 6, 7]


def test_a_snapshot_replaced_a_moment_ago_stays_for_slow_readers(layout: Layout) -> None:
    lay_down(layout, *(NOON + timedelta(minutes=minute) for minute in (0, 1, 2, 3, 4)))
    assert snapshots.prune(layout, kept=3, now=NOON + timedelta(minutes=10)) == []
    assert snapshots.prune(layout, kept=3, now=NOON + timedelta(minutes=11)) == [1]
    assert snapshots.prune(layout, kept=3, now=NOON + timedelta(minutes=12)) == [2]


def test_a_burst_of_publishes_keeps_at_most_twice_as_many(layout: Layout) -> None:
    lay_down(layout, *[NOON] * 12)
    snapshots.prune(layout, kept=3, now=NOON)
    assert snapshot_numbers(layout) == [7, 8, 9, 10, 11, 12]


def test_a_snapshot_put_back_by_hand_is_not_pruned(layout: Layout) -> None:
    lay_down(layout, *(NOON + timedelta(hours=hour) for hour in range(4)))
    snapshots.flip(layout, 2)
    snapshots.prune(layout, kept=1, now=NOON + timedelta(days=1))
    assert snapshot_numbers(layout) == [2, 4]


# Refusals


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (
            "create schema stage; create table stage.bodies (body varchar)",
            "schema stage, table stage.bodies",
        ),
        ("create table main.scratch (i int)", "table main.scratch"),
        ("create view main.peek as select 1 as one", "view main.peek"),
        ("create macro main.twice(n) as n * 2", "macro main.twice"),
        ("create sequence main.numbers", "sequence main.numbers"),
    ],
)
def test_only_core_and_marts_are_published(layout: Layout, statement: str, named: str) -> None:
    add_runs(layout, 10)
    publish_at(layout)
    with Warehouse(layout).write() as con:
        con.execute(statement)
    with pytest.raises(PublishRefused, match=f"more than the schemas core and marts: {named}"):
        publish_at(layout)
    assert snapshot_numbers(layout) == [1]


def test_views_and_macros_of_core_and_marts_work_in_the_copy(layout: Layout) -> None:
    add_runs(layout, 10)
    with Warehouse(layout).write() as con:
        con.execute("create macro core.twice(n) as n * 2")
        con.execute("create view marts.doubled as select core.twice(count(*)) as n from core.runs")
    publish_at(layout)
    with open_published(layout) as con:
        assert con.execute("from marts.doubled").fetchall() == [(20,)]


def test_a_copy_that_differs_is_refused(layout: Layout) -> None:
    add_runs(layout, 10)
    snapshot = publish_at(layout)
    verify(snapshot.path, snapshot.row_counts)
    with pytest.raises(PublishRefused, match=r"differs .*'core\.runs', 10"):
        verify(snapshot.path, snapshot.row_counts | {"core.runs": 11})


def test_a_damaged_work_file_is_refused_and_the_copy_stays(layout: Layout) -> None:
    add_runs(layout, 10)
    publish_at(layout)
    layout.work_file.write_bytes(layout.work_file.read_bytes()[:5000])
    with pytest.raises(PublishRefused, match="the copy that people open is untouched"):
        publish_at(layout)
    assert published_runs(layout) == 10


def test_a_full_disk_is_refused_before_anything_is_copied(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_runs(layout, 10)
    publish_at(layout)
    usage = shutil.disk_usage(layout.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1000))
    with pytest.raises(PublishRefused, match="1,000 left"):
        publish_at(layout)
    assert leftovers(layout) == []
    assert published_runs(layout) == 10


def test_extras_that_fail_leave_the_previous_copy(layout: Layout) -> None:
    add_runs(layout, 10)
    publish_at(layout)
    add_runs(layout, 1)

    def broken(_published_copy: Path, folder: Path) -> None:
        (folder / "report.html").write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        publish(layout, kept=3, clock=fixed(NOON), extras=broken)
    assert published_runs(layout) == 10
    assert leftovers(layout) == []


def test_a_folder_in_the_place_of_the_symlink_is_refused(layout: Layout) -> None:
    add_runs(layout, 10)
    layout.current.mkdir()
    with pytest.raises(PublishRefused, match="not the symlink"):
        publish_at(layout)


def test_a_damaged_description_of_a_snapshot_reads_as_none(layout: Layout) -> None:
    add_runs(layout, 10)
    folder = publish_at(layout).path.parent
    (folder / "snapshot.json").chmod(0o644)
    (folder / "snapshot.json").write_text('{"number": "one"')
    assert current_snapshot(layout) is None
    assert published_runs(layout) == 10
