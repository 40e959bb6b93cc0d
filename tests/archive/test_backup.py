"""Backup and restore: all that was there is there again, whatever is killed between, and nothing else is touched."""

import contextlib
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.archive import backup
from pipelines.archive.backup import Copied, copy_warehouse
from pipelines.archive.bodies import Bodies
from pipelines.archive.store import Archive
from pipelines.archive.verify import verify
from pipelines.errors import BadSettings
from pipelines.incidents.ledger import open_ledger
from pipelines.load.rebuild import rebuild
from pipelines.paths import Layout
from tests.support.archives import files, packs
from tests.support.polled_world import PolledWorld, core_rows


@pytest.mark.slow
def test_a_restored_warehouse_has_the_same_tables(world: PolledWorld, copy: Layout, tmp_path: Path) -> None:
    before = world.dump()
    assert copy_warehouse(world.settings.layout, copy) == Copied(2, 2)
    restored = world.settings.model_copy(update={"warehouse_dir": tmp_path / "again"})
    assert copy_warehouse(copy, restored.layout) == Copied(2, 2)
    rebuild(restored)
    assert core_rows(restored) == before
    for path in world.settings.layout.kept_files:
        if path.exists():
            twin = restored.layout.root / path.relative_to(world.settings.layout.root)
            assert twin.read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_only_what_is_new_is_copied(world: PolledWorld, copy: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_warehouse(world.settings.layout, copy)
    assert copy_warehouse(world.settings.layout, copy) == Copied(0, 2)
    world.poll(8.5)
    known = files(copy)
    grown = {name: known.pop(name) for name in list(known) if name.endswith((".pack", "chain.ndjson"))}
    assert copy_warehouse(world.settings.layout, copy) == Copied(1, 3)
    now = files(copy)
    assert {name: content for name, content in now.items() if name in known} == known
    assert len(grown) == 2
    assert all(now[name].startswith(content) and now[name] != content for name, content in grown.items())
    assert len(now["archive/chain.ndjson"].splitlines()) == 3


@pytest.mark.slow
def test_a_poll_under_way_is_copied_as_far_as_it_is_and_later_whole(world: PolledWorld, copy: Layout) -> None:
    ledger = max((world.settings.layout.archive / "polls").rglob("*.ndjson"))
    whole, chain = ledger.read_bytes(), Archive(world.settings.layout.archive).chain.path
    sealed = chain.read_bytes()
    ledger.write_bytes(whole[: len(whole) // 2])
    chain.write_bytes(sealed[: sealed.index(b"\n") + 20])
    assert copy_warehouse(world.settings.layout, copy) == Copied(2, 2)
    assert (verify(Archive(copy.archive)).damages, verify(Archive(copy.archive)).unsealed) == ([], [ledger.stem])
    ledger.write_bytes(whole)
    chain.write_bytes(sealed)
    assert copy_warehouse(world.settings.layout, copy) == Copied(1, 2)
    assert (copy.archive / ledger.relative_to(world.settings.layout.archive)).read_bytes() == whole


class Killed(BaseException):
    """Nothing in the code under test may catch it."""


class KilledAt:
    """Lets the n-th file not be written; `is_met` tells whether so many were asked for."""

    def __init__(self, write: int, patch: pytest.MonkeyPatch) -> None:
        self._left = write
        patch.setattr(backup, "_put", self._before(backup._put))
        patch.setattr(Bodies, "copy", self._before(Bodies.copy))

    @property
    def is_met(self) -> bool:
        return self._left <= 0

    def _before(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            self._left -= 1
            if not self._left:
                raise Killed
            return write(*arguments)

        return counted


@pytest.mark.slow
def test_a_copy_that_is_killed_holds_whole_polls_and_the_next_one_goes_on(
    world: PolledWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = world.settings.layout
    copy_warehouse(source, whole := Layout(tmp_path / "whole"))
    for write in range(1, 40):
        target = Layout(tmp_path / f"killed-{write}")
        with monkeypatch.context() as patch, contextlib.suppress(Killed):
            kill = KilledAt(write, patch)
            copy_warehouse(source, target)
        assert verify(Archive(target.archive)).damages == []
        copy_warehouse(source, target)
        assert files(target) == files(whole)
        if not kill.is_met:
            return
    raise AssertionError("no copy came to its end")


def test_a_damaged_body_costs_its_own_poll(world: PolledWorld, copy: Layout) -> None:
    [pack] = packs(Archive(world.settings.layout.archive))
    sound = pack.read_bytes()
    pack.write_bytes(sound[:-40] + bytes([sound[-40] ^ 1]) + sound[-39:])
    copied = copy_warehouse(world.settings.layout, copy)
    assert copied.poll_count == 1
    assert len(copied.damaged) == 1
    assert str(pack) in copied.damaged[0]
    [missing] = verify(Archive(copy.archive)).damages
    assert "it is missing" in str(missing.error)
    pack.write_bytes(sound)
    assert copy_warehouse(world.settings.layout, copy) == Copied(1, 2)
    assert verify(Archive(copy.archive)).damages == []


def test_a_pack_of_the_copy_that_is_cut_or_damaged_is_put_right(world: PolledWorld, copy: Layout) -> None:
    """A kill leaves a part of it; and what was copied before is compared, since new polls are made of it too."""
    copy_warehouse(world.settings.layout, copy)
    before = max((copy.archive / "polls").rglob("*.ndjson"))
    world.poll(8.5)
    [given], [kept] = packs(Archive(world.settings.layout.archive)), packs(Archive(copy.archive))
    whole = given.read_bytes()
    for content in (whole[: kept.stat().st_size + 50], whole[:-1], b"x" * 30):
        kept.write_bytes(content)
        assert copy_warehouse(world.settings.layout, copy) == Copied(1, 3)
        assert kept.read_bytes() == whole
        newest = max((copy.archive / "polls").rglob("*.ndjson"))
        assert newest != before
        newest.unlink()


@pytest.mark.slow
def test_a_poll_that_ends_while_a_backup_is_made_is_no_damage_of_the_copy(
    world: PolledWorld, copy: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chain is written last, and tells no more than was there at the beginning."""
    real = backup._copy_files

    def meanwhile(source: Layout, target: Layout) -> None:
        world.poll(8.5)
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(backup, "_copy_files", meanwhile)
        copy_warehouse(world.settings.layout, copy)
    assert verify(Archive(copy.archive)).damages == []
    assert copy_warehouse(world.settings.layout, copy) == Copied(1, 3)
    assert verify(Archive(copy.archive)).head == verify(Archive(world.settings.layout.archive)).head


@pytest.mark.slow
def test_a_folder_of_another_warehouse_is_left_alone(world: PolledWorld, tmp_path: Path) -> None:
    other = PolledWorld(tmp_path / "other", run_details="off")
    other.poll(3.5)
    before = files(other.settings.layout)
    with pytest.raises(BadSettings, match="name an empty folder"):
        copy_warehouse(world.settings.layout, other.settings.layout)
    with pytest.raises(BadSettings, match="the warehouse itself"):
        copy_warehouse(world.settings.layout, world.settings.layout)
    assert files(other.settings.layout) == before


def test_a_ledger_of_incidents_is_copied_as_it_was_before_what_is_being_written(
    world: PolledWorld, copy: Layout
) -> None:
    with open_ledger(world.settings.layout) as con:
        con.execute("pragma user_version = 7")
        con.execute("begin immediate")
        con.execute("pragma user_version = 8")
        copy_warehouse(world.settings.layout, copy)
        con.execute("rollback")
    with open_ledger(copy) as kept:
        assert kept.execute("pragma user_version").fetchone()[0] == 7
        assert kept.execute("pragma integrity_check").fetchone()[0] == "ok"


def test_nobody_else_can_read_a_copy(world: PolledWorld, copy: Layout) -> None:
    copy_warehouse(world.settings.layout, copy)
    private = [path for path in copy.root.rglob("*") if path.name not in ("snapshots", "budgets.csv")]
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in private} == {0}
