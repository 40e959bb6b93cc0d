"""What tests of archives and backups share: a sound archive of some polls, a lived-in warehouse, a place for its copy."""

import shutil
from pathlib import Path

import pytest

from pipelines.archive.store import Archive
from pipelines.paths import Layout
from tests.support.archives import fill
from tests.support.polled_world import PolledWorld


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(Archive(tmp_path_factory.mktemp("sound") / "archive")).root


@pytest.fixture
def archive(sound: Path, tmp_path: Path) -> Archive:
    return Archive(Path(shutil.copytree(sound, tmp_path / "archive")))


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse of two polls with details, and files that a person wrote."""
    world = PolledWorld(tmp_path_factory.mktemp("lived"), details_per_poll=5)
    for hours in (2.5, 5.5):
        world.poll(hours)
    world.settings.layout.budgets_file.write_text("account_id,monthly_budget_usd,warn_ratio\n*,7.5,\n")
    world.settings.layout.privacy_key_file.write_bytes(b"ab" * 32)
    return world.settings.layout.root


@pytest.fixture
def world(lived: Path, tmp_path: Path) -> PolledWorld:
    """That warehouse again, as this test's own."""
    shutil.copytree(lived, tmp_path / "warehouse")
    return PolledWorld(tmp_path / "warehouse", details_per_poll=5)


@pytest.fixture
def copy(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "copy")
