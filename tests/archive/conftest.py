"""A sound archive of some polls, whole or as one test's own."""

import shutil
from pathlib import Path

import pytest

from pipelines.archive.store import Archive
from tests.support.archives import fill


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(Archive(tmp_path_factory.mktemp("sound") / "archive")).root


@pytest.fixture
def archive(sound: Path, tmp_path: Path) -> Archive:
    return Archive(Path(shutil.copytree(sound, tmp_path / "archive")))
