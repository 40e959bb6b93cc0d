"""A rebuild that is killed is gone on with, and gives what one that was not killed gives; or it begins anew."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pipelines.archive.store import Archive
from pipelines.load.rebuild import rebuild
from pipelines.load.session import Loader
from pipelines.settings import Settings
from tests.support.archives import packs
from tests.support.polled_world import PolledWorld, core_rows

pytestmark = pytest.mark.slow
POLLS = 4


class Killed(BaseException):
    """Nothing in the code under test may catch it."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> PolledWorld:
    world = PolledWorld(tmp_path_factory.mktemp("resumed"), run_details="off")
    for number in range(POLLS):
        world.poll(2.5 + number)
    return world


@pytest.fixture
def settings(world: PolledWorld) -> Settings:
    return world.settings


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The polls that were loaded."""
    told: list[str] = []
    load = Loader.load_archived

    def spied(loader: Loader, poll_id: str, *rest: object) -> None:
        told.append(poll_id)
        load(loader, poll_id, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Loader, "load_archived", spied)
    yield told


def killed_after(settings: Settings, polls: int, *, accept_loss: bool = False) -> None:
    def progress(what: str, done: int, _total: int) -> None:
        if what == "reading the archive" and done == polls:
            raise Killed

    with suppress(Killed):
        rebuild(settings, accept_loss=accept_loss, progress=progress)


def test_it_goes_on_where_it_was_killed(settings: Settings, loads: list[str]) -> None:
    before, poll_ids = core_rows(settings), Archive(settings.layout.archive).poll_ids()
    for polls in (1, 3):
        killed_after(settings, polls)
    assert core_rows(settings) == before, "and whoever takes the lock meanwhile leaves it"
    assert rebuild(settings).poll_count == POLLS
    assert loads == poll_ids
    assert core_rows(settings) == before
    assert not [path for path in settings.layout.work.iterdir() if path.name.startswith("rebuild")]
    rebuild(settings)
    assert loads == poll_ids * 2


def test_under_another_policy_what_it_made_is_removed_by_the_next_lock(settings: Settings, loads: list[str]) -> None:
    killed_after(settings, 2)
    assert settings.layout.rebuild_file.exists()
    other = Settings.load(
        warehouse_dir=settings.warehouse_dir, privacy_key="k", api_url="http://127.0.0.1", privacy_keep="prompt"
    )
    core_rows(other)
    assert not settings.layout.rebuild_file.exists()
    rebuild(settings)
    assert len(loads) == 2 + POLLS


def test_where_a_poll_came_between_or_is_lost_since_it_begins_anew(settings: Settings, loads: list[str]) -> None:
    before, archive = core_rows(settings), Archive(settings.layout.archive)
    killed_after(settings, 2)
    [pack] = packs(archive)
    sound = pack.read_bytes()
    pack.write_bytes(sound[:100] + bytes([sound[100] ^ 1]) + sound[101:])
    killed_after(settings, 3, accept_loss=True)
    pack.write_bytes(sound)
    rebuild(settings)
    assert len(loads) == 2 + 3 + POLLS
    assert core_rows(settings) == before
    killed_after(settings, 2)
    archive.set_aside(first := archive.poll_ids()[0])
    try:
        assert rebuild(settings, accept_loss=True).poll_count == POLLS - 1
        assert loads[-POLLS + 1 :] == archive.poll_ids()
    finally:
        archive.aside_ledger(first).replace(archive.ledger(first))
        rebuild(settings)
    assert core_rows(settings) == before


def test_one_that_failed_leaves_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk its file would be what polls lack room for."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    killed_after(settings, 2)
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(Loader, "load_archived", full)
        rebuild(settings)
    assert not [path for path in settings.layout.work.iterdir() if path.name.startswith("rebuild")]


def test_a_file_that_cannot_be_opened_is_made_anew(settings: Settings, loads: list[str]) -> None:
    before = core_rows(settings)
    killed_after(settings, 2)
    settings.layout.rebuild_file.write_bytes(b"no database" * 1000)
    Path(f"{settings.layout.rebuild_file}.wal").unlink(missing_ok=True)
    rebuild(settings)
    assert len(loads) == 2 + POLLS
    assert core_rows(settings) == before
