"""What a publish leaves behind: done, killed at any step, or refused. Hazards and retention have their own modules."""

import os
import shutil
import signal
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from pipelines.database.connection import Warehouse, open_published
from pipelines.errors import MachineFault, NothingPublished, PublishRefused
from pipelines.paths import Layout
from pipelines.publish import snapshots
from pipelines.publish.publisher import verify
from pipelines.publish.snapshots import current_snapshot, snapshot_numbers
from tests.support.publish_harness import (
    NOON,
    add_runs,
    leftovers,
    publish_as_it_is,
    publish_at,
    published_runs,
    run_child,
)

# One of each side of the flip in the fast suite, all in the slow one.
TOLD = ("copied", "flipped")
STEPS = ("cleaned", "sealed", "copied", "audited", "settled", "enrolled", "flipped")

PUBLISH_AND_DIE = """
import os, signal, sys
from pathlib import Path
from pipelines.paths import Layout
from tests.support.publish_harness import publish_as_it_is

def die(step):
    if step == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

publish_as_it_is(Layout(Path(sys.argv[1])), on_step=die)
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "warehouse")


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

    publish_as_it_is(layout, extras=report)
    assert (layout.current / "report.html").read_text() == "25 runs"
    assert (layout.current / "report.html").stat().st_mode & 0o777 == 0o444


# Killed anywhere, the old copy stays and the next publish cleans up


@pytest.mark.slow
@pytest.mark.parametrize("step", [pytest.param(step, marks=() if step in TOLD else pytest.mark.slow) for step in STEPS])
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
    publish_as_it_is(layout, on_step=heard.append)
    assert tuple(heard) == STEPS


@pytest.mark.slow
def test_publishes_killed_again_and_again_do_not_fill_the_disk(layout: Layout) -> None:
    add_runs(layout, 1)
    publish_at(layout)
    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            publish_as_it_is(layout, kept=1, on_step=_interrupt_once_enrolled)
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
    with open_published(layout) as con:
        verify(con, snapshot.row_counts)
        with pytest.raises(PublishRefused, match=r"differs .*'core\.runs', 11"):
            verify(con, snapshot.row_counts | {"core.runs": 11})


def test_a_damaged_work_file_is_refused_and_the_copy_stays(layout: Layout) -> None:
    add_runs(layout, 10)
    publish_at(layout)
    layout.work_file.write_bytes(layout.work_file.read_bytes()[:5000])
    with pytest.raises(PublishRefused, match="what people open is untouched"):
        publish_at(layout)
    assert published_runs(layout) == 10


def test_a_full_disk_is_refused_before_anything_is_copied(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    add_runs(layout, 10)
    publish_at(layout)
    usage = shutil.disk_usage(layout.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1000))
    with pytest.raises(MachineFault, match="1,000 left"):
        publish_at(layout)
    assert leftovers(layout) == []
    assert published_runs(layout) == 10
