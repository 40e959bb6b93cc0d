"""Modes, owners, links and names of the warehouse's folders, whatever umask and whoever was there before."""

import os
import stat
from pathlib import Path

import pytest

from pipelines.database.connection import Warehouse
from pipelines.errors import BadSettings
from pipelines.paths import Layout
from pipelines.settings import Settings
from tests.support.publish_harness import add_runs, publish_at


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_modes_do_not_hang_on_the_umask(tmp_path: Path, umask: int) -> None:
    layout, before = Layout(tmp_path / "w"), os.umask(umask)
    try:
        add_runs(layout, 1)
        snapshot = publish_at(layout).path
    finally:
        os.umask(before)
    assert [mode(folder) for folder in (layout.root, layout.snapshots, snapshot.parent)] == [0o755] * 3
    assert {mode(path) for path in snapshot.parent.iterdir()} == {0o444}
    private = (layout.archive, layout.work, layout.scratch, layout.dagster_home)
    assert {mode(folder) for folder in private} == {0o700}
    assert {mode(path) for path in layout.work.iterdir() if path.is_file()} == {0o600}


def test_a_folder_that_everybody_may_write_is_closed_and_one_that_is_narrower_stays(tmp_path: Path) -> None:
    for given, kept in ((0o777, 0o755), (0o770, 0o750), (0o700, 0o700)):
        tmp_path.chmod(given)
        Layout(tmp_path).prepare()
        assert mode(tmp_path) == kept


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.chown(tmp_path, 4321, 4321)
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    with pytest.raises(PermissionError, match="another user"):
        Layout(tmp_path).prepare()


@pytest.mark.parametrize("name", ["writer.lock", "poll.lock", "publish.lock"])
def test_no_lock_follows_a_link(tmp_path: Path, name: str) -> None:
    layout = Layout(tmp_path / "w")
    layout.prepare()
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (layout.work / name).symlink_to(victim)
    warehouse = Warehouse(layout, lock_wait_seconds=0)
    with (
        pytest.raises(OSError, match="symbolic links"),
        warehouse.polling(),
        warehouse.publishing(),
        warehouse.locked(),
    ):
        pass
    assert victim.read_text() == "precious"


def test_no_scratch_folder_is_a_link(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "w")
    layout.prepare()
    layout.scratch.rmdir()
    (tmp_path / "elsewhere").mkdir()
    layout.scratch.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError, match="link"):
        layout.prepare()


@pytest.mark.parametrize("name", ["wh [prod]", "wh?", "w*", "w{a,b}", "w\x1b[2J"])
def test_a_name_that_is_a_pattern_is_refused_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadSettings, match="RECOUP_WAREHOUSE_DIR"):
        Settings.load(warehouse_dir=tmp_path / name)


@pytest.mark.parametrize("name", ["it's ours", 'a "b" c', "100 %", "größe; drop", "#1"])
def test_any_other_name_is_only_a_name(tmp_path: Path, name: str) -> None:
    layout = Settings.load(warehouse_dir=tmp_path / name).layout
    add_runs(layout, 3)
    assert publish_at(layout).row_counts["core.runs"] == 3
