"""Parquet export: the same rows and types as in the published copy, days as folders, replaced whole or not at all."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.cli import main as cli
from pipelines.database.connection import Warehouse
from pipelines.errors import BadSettings, NothingPublished
from pipelines.paths import Layout
from pipelines.publish.parquet import export_parquet
from tests.support.publish_harness import publish_at

NOON = datetime(2026, 8, 20, 12, tzinfo=UTC)
RUNS = """
    create schema core;
    create schema marts;
    create table core.runs as
    select
        'run_' || range as run_id,
        '2026-08-17T09:00:00Z'::timestamptz + to_hours(range * 12) as created_at,
        0.00000000000000000125::decimal(38, 20) * range as total_cents,
        '{"a": 1}'::json as metadata,
        ['x', 'y'] as tags
    from range(6);
    create view marts.run_facts as select created_at::date as date, * from core.runs;
    create table marts.spend_daily as select date, sum(total_cents) as total_cents from marts.run_facts group by date;
    create table marts.empty_daily as from marts.spend_daily limit 0;
"""
EXPORT_AND_DIE = """
import os, signal, sys
from pathlib import Path
from pipelines.publish.parquet import export_parquet
from pipelines.paths import Layout

def die(table, done, total):
    if done == 2:
        os.kill(os.getpid(), signal.SIGKILL)

export_parquet(Layout(Path(sys.argv[1])), Path(sys.argv[2]), progress=die)
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "warehouse")
    change(layout, RUNS)
    return layout


def change(layout: Layout, statements: str) -> None:
    with Warehouse(layout).write() as con:
        con.execute(statements)
    publish_at(layout)


def read(folder: Path, table: str) -> list[tuple[Any, ...]]:
    """Read one exported table the way DuckDB and others do, with folders as columns, in the published order."""
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'")
        files = f"{folder / table}/**/*.parquet"
        return con.execute(f"from read_parquet('{files}', hive_partitioning = true) order by all").fetchall()


def published(layout: Layout, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(layout.published_file), read_only=True) as con:
        con.execute("set timezone = 'UTC'")
        return con.execute(f"{query} order by all").fetchall()


def folders(out: Path) -> Iterator[str]:
    return (entry.name for entry in out.parent.iterdir() if entry.name.startswith(f".{out.name}"))


def test_rows_and_types_are_those_of_the_published_copy(layout: Layout, tmp_path: Path) -> None:
    out = tmp_path / "out"
    written = export_parquet(layout, out)
    assert written.row_counts == {"core.runs": 6, "marts.empty_daily": 0, "marts.run_facts": 6, "marts.spend_daily": 3}
    assert written.snapshot_number == 1
    assert read(out, "core/runs") == published(layout, "from core.runs")
    # Days come last, since they are names of folders, and come back as dates.
    assert read(out, "marts/run_facts") == published(layout, "select * exclude (date), date from marts.run_facts")
    assert read(out, "marts/empty_daily") == []
    with duckdb.connect() as con:
        types = con.execute(f"describe from '{out}/core/runs/*.parquet'").fetchall()
    assert [row[1] for row in types] == ["VARCHAR", "TIMESTAMP WITH TIME ZONE", "DECIMAL(38,20)", "JSON", "VARCHAR[]"]


def test_days_are_folders(layout: Layout, tmp_path: Path) -> None:
    export_parquet(layout, tmp_path / "out")
    days = sorted(entry.name for entry in (tmp_path / "out/marts/spend_daily").iterdir())
    assert days == ["date=2026-08-17", "date=2026-08-18", "date=2026-08-19"]
    assert [entry.name for entry in (tmp_path / "out/core/runs").iterdir()] == ["data_0.parquet"]


def test_an_earlier_export_is_replaced_whole(layout: Layout, tmp_path: Path) -> None:
    out = tmp_path / "deep/er/out"
    export_parquet(layout, out)
    change(layout, "drop table marts.spend_daily; delete from core.runs where run_id = 'run_0'")
    assert export_parquet(layout, out).snapshot_number == 2
    assert len(read(out, "core/runs")) == 5
    assert not (out / "marts/spend_daily").exists()
    assert list(folders(out)) == []


@pytest.mark.slow
def test_all_tables_are_of_one_snapshot_whatever_is_published_meanwhile(layout: Layout, tmp_path: Path) -> None:
    def publish_more(table: str, done: int, total: int) -> None:
        change(layout, "insert into core.runs by name select 'later' as run_id, now() as created_at")

    written = export_parquet(layout, tmp_path / "out", progress=publish_more)
    assert (written.row_counts["core.runs"], written.row_counts["marts.run_facts"]) == (6, 6)
    assert published(layout, "select count(*) from core.runs") == [(10,)]


@pytest.mark.slow
def test_a_killed_export_leaves_the_old_one_and_the_next_cleans_up(layout: Layout, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_parquet(layout, out)
    before = read(out, "core/runs")
    change(layout, "delete from core.runs")
    command = [sys.executable, "-c", EXPORT_AND_DIE, str(layout.root), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert read(out, "core/runs") == before
    assert list(folders(out)) == [".out.new"]
    export_parquet(layout, out)
    assert read(out, "core/runs") == []
    assert list(folders(out)) == []


def test_a_kill_between_the_two_renames_is_repaired_by_the_next_export(layout: Layout, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_parquet(layout, out)
    out.rename(tmp_path / ".out.old")
    (tmp_path / ".out.new").mkdir()
    with pytest.raises(RuntimeError, match="no space"):
        export_parquet(layout, out, progress=fail)
    assert len(read(out, "core/runs")) == 6
    assert list(folders(out)) == []


def fail(table: str, done: int, total: int) -> None:
    raise RuntimeError("no space")


def test_a_folder_with_other_files_is_left_alone(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("ten years")
    with pytest.raises(BadSettings, match="other files"):
        export_parquet(layout, tmp_path / "mine")
    assert (tmp_path / "mine/thesis.txt").read_text() == "ten years"
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    with pytest.raises(BadSettings, match="not a folder"):
        export_parquet(layout, tmp_path / "link")


def test_nothing_is_exported_before_the_first_publish(tmp_path: Path) -> None:
    with pytest.raises(NothingPublished):
        export_parquet(Layout(tmp_path / "warehouse"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_says_what_it_wrote(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RECOUP_WAREHOUSE_DIR", str(layout.root))
    monkeypatch.chdir(tmp_path)
    assert cli.run(["export", "--format", "parquet", "--out", "out"]) == 0
    assert capsys.readouterr().out == "exported snapshot 1: out (4 tables, 15 rows)\n"
    assert cli.run(["export"]) == 2
