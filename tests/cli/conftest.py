"""A command as a person runs it, in a folder of its own and without settings, and a published warehouse to start from.

Shared by all modules of tests/cli.
"""

import contextlib
import fcntl
import io
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.cli import main as cli
from tests.support import bodies

BODY_TIME = "2026-08-20T12:00:00Z"


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder without .env, which is the home, so that `warehouse/` in it is the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECOUP_HOME", str(tmp_path))
    return tmp_path


@dataclass(frozen=True)
class Published:
    """A warehouse taken from a saved body to a published copy, and what the commands told on the way."""

    warehouse: Path
    told: str


@pytest.fixture(scope="session")
def published_once(no_settings: None, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Published:
    """Made once for all test processes, since most tests only start from it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "published"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = folder / "told.txt"
        if not told.exists():
            told.write_text(_publish_in(folder))
        return Published(folder / "warehouse", told.read_text())


def _publish_in(folder: Path) -> str:
    told = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(told):
        patch.chdir(folder)
        patch.setenv("RECOUP_HOME", str(folder))
        path = save_body(folder)
        assert run("poll", "--load", str(path), "--at", BODY_TIME) == 0
        assert run("build", "--at", BODY_TIME) == 0
        assert run("publish") == 0
    return told.getvalue()


@pytest.fixture
def published(published_once: Published, own_folder: Path) -> Path:
    """A copy of it, in this test's folder."""
    shutil.copytree(published_once.warehouse, own_folder / "warehouse", symlinks=True)
    return own_folder / "warehouse"


def save_body(folder: Path) -> Path:
    """Save an answer of the API with one task and one failed run."""
    path = folder / "monday.json"
    path.write_bytes(bodies.body([bodies.task(runs=[bodies.run(status="FAILED")])]))
    return path


def run(*arguments: str) -> int:
    """Run one command in this process."""
    return cli.run(arguments)
