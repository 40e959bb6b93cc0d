"""A place as a user has it: a folder with `warehouse/` in it, published by the demo, and the clients' environments.

Shared by all suites of tests/bi; nothing here asserts. RECOUP_TEST_DEMO may name a warehouse that the demo has filled.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.paths import Layout

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Place:
    """The folder that the pages' relative paths start from."""

    folder: Path

    @property
    def layout(self) -> Layout:
        return Layout(self.folder / "warehouse")

    def run(self, *command: str | Path, **environment: str) -> str:
        """Run a program in the folder; return what it printed. Any complaint fails the test."""
        done = subprocess.run(
            [str(part) for part in command],
            cwd=self.folder,
            env=os.environ | {"RECOUP_HOME": str(self.folder)} | environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        complaints = [line for line in done.stderr.splitlines() if not line.startswith("a new warehouse is made in")]
        assert (done.returncode, complaints) == (0, []), done.stdout + done.stderr
        return done.stdout

    def cli(self, *arguments: str) -> str:
        return self.run(
            sys.executable, "-c", "import pipelines.cli.main as c; c.main()", *arguments, PYTHONPATH=str(ROOT)
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the published file itself."""
        with duckdb.connect(str(self.layout.published_file), read_only=True) as con:
            return con.execute(query).fetchall()


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place, ready = Place(tmp_path_factory.mktemp("place")), os.environ.get("RECOUP_TEST_DEMO")
    if ready:
        shutil.copytree(ready, place.folder / "warehouse", symlinks=True)
    else:
        place.cli("demo")
    return place


def environment(name: str, target: str) -> Path:
    """Return a throwaway environment of this project, which the make target sets up."""
    folder = ROOT / name
    if not (folder / "bin/python").exists():
        pytest.fail(f"{folder} is missing; run `make {target}`")
    return folder
