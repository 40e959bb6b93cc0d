"""A simulated API and the warehouse that polls it, in one process and without a network: for tests of whole polls.

Several days with their own faults are tests/proof/world.py; single bodies are bodies.py.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.clock import Clock, fixed
from pipelines.database.connection import Warehouse
from pipelines.ingest.poll import poll
from pipelines.load.poll_rows import PollSummary
from pipelines.recoup.client import RecoupClient
from pipelines.settings import Settings
from pipelines.simulator import Fleet, SimTask, Simulator, SimulatorTransport

START = datetime(2026, 8, 17, tzinfo=UTC)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
HOURLY = SimTask(task_id="0a81abcb-50cc-411b-935c-b2a9ba4ae623", cron="0 * * * *", mix={"failed": 0.3})


def core_rows(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables of core, in an order that does not depend on the file."""
    with Warehouse.of(settings).write() as con:
        names = con.execute("select table_name from duckdb_tables() where schema_name = 'core' order by all").fetchall()
        return {name: sorted(con.execute(f"from core.{name}").fetchall(), key=repr) for (name,) in names}


class PolledWorld:
    """Tasks of one account behind a simulated API (from START on), and a warehouse that polls it.

    `past` is how long after a full hour polls come, so that the run of that hour is there.
    """

    def __init__(
        self, folder: Path, *tasks: SimTask, seed: int = 3, past: timedelta = timedelta(), **settings: Any
    ) -> None:
        self.past = past
        self.sim = Simulator(Fleet(list(tasks) or [HOURLY], seed=seed, start=START), now=START)
        self.settings = Settings.load(
            warehouse_dir=folder, api_url="http://127.0.0.1", api_key="recoup_sk_simulated", privacy_key="k", **settings
        )

    def poll(self, hours: float, clock: Clock | None = None) -> PollSummary:
        """Poll so many hours after START; without a clock ours is right."""
        at = START + hours * HOUR + self.past
        self.sim.set_now(at)
        clock = clock or fixed(at)
        transport = SimulatorTransport(self.sim)
        with RecoupClient(self.settings, clock=clock, transport=transport, sleep=lambda _: None) as client:
            return poll(self.settings, clock=clock, client=client)

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return what a query of the work file finds."""
        with Warehouse.of(self.settings).write() as con:
            return con.execute(query, list(parameters)).fetchall()

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return all of core."""
        return core_rows(self.settings)
