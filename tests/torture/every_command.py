"""Every command of the program as a person types it, with all that it needs beside it, so that each can be killed.

That none is forgotten, and what must hold after a kill, belongs to the tests.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pipelines.archive.store import Archive
from pipelines.paths import Layout
from pipelines.simulator import Simulator
from tests.support.simulator_helpers import KEY, TASK

PROGRAM = str(Path(sys.executable).parent / "recoup-warehouse")
# They serve until somebody ends them.
LASTING = frozenset({"simulate", "dev", "serve", "mcp"})
MINUTES = 20


@dataclass(frozen=True)
class Yard:
    """A warehouse that polls a simulated API, and what commands write beside it."""

    folder: Path
    origin: str
    simulator: Simulator
    began: datetime

    @property
    def layout(self) -> Layout:
        """Where most commands work."""
        return Layout(self.folder / "warehouse")

    @property
    def restored(self) -> Layout:
        """Where `restore` works, which wants a new warehouse."""
        return Layout(self.folder / "restored")

    @property
    def simulated(self) -> Layout:
        """Where `demo` works, whose data never mix with others."""
        return Layout(self.folder / "simulated")

    @property
    def copy(self) -> Path:
        """What `backup` writes, and `restore` reads."""
        return self.folder / "copy"

    @property
    def exported(self) -> Path:
        """What `export` writes."""
        return self.folder / "exported"

    def commands(self, number: int) -> dict[str, list[str]]:
        """Return the arguments of every command; the simulated API is as many steps further as the number says."""
        now = self.began + timedelta(minutes=MINUTES * number)
        self.simulator.set_now(now)
        at = ["--at", now.isoformat()]
        port = str(20_000 + number)
        return {
            "poll": at, "build": at, "publish": [], "nightly": at, "rebuild": [], "backup": [str(self.copy)],
            "restore": [str(self.copy)], "export": ["--out", str(self.exported)], "demo": [],
            "query": ["from marts.task_health"], "summary": [], "doctor": ["--deep"], "incidents": [], "metrics": [],
            "report": [], "digest": [], "describe": ["core.runs"], "lake": [],
            "explain": ["marts.task_health", f"task_id={TASK}"],
            "simulate": ["--port", "0"], "dev": ["--port", port], "serve": ["--port", port], "mcp": [],
            "verify": [], "answer": [*Archive(self.layout.archive).poll_ids()[:1], "1"],
        }  # fmt: skip

    def start(self, name: str, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a command, the head of a group of its own."""
        variables = {"HOME": str(self.folder), "LOCK_WAIT_SECONDS": "0", "MAX_ATTEMPTS": "1"}
        variables |= {"WAREHOUSE_DIR": str(self._place(name)), "METRICS_FILE": str(self.folder / "figures.prom")}
        if name == "lake":
            lake = self.folder / "lake"
            variables |= {"LAKE_CATALOG": str(lake / "catalog.ducklake"), "LAKE_DATA": str(lake / "data")}
        if name != "demo":
            variables |= {"API_KEY": KEY, "API_URL": self.origin}
        return subprocess.Popen(
            [PROGRAM, name, *arguments],
            env=os.environ | {f"RECOUP_{key}": value for key, value in variables.items()},
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def settle(self) -> None:
        """Take away what was restored, once it is all there: the next `restore` wants nothing in its place."""
        if self.restored.work_file.exists():
            shutil.rmtree(self.restored.root)

    def _place(self, name: str) -> Path:
        return {"demo": self.simulated, "restore": self.restored}.get(name, self.layout).root
