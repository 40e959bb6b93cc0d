"""One simulated API and several homes that poll it: one for all accounts, or a shard each and a gatherer. No assertions."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from pipelines.clock import fixed, utc_now
from pipelines.database.sql_text import literal
from pipelines.ingest.poll import poll
from pipelines.lake.gather import gather
from pipelines.lake.update import publish_into_lake
from pipelines.load.poll_rows import PollSummary
from pipelines.nightly import NightReport, nightly
from pipelines.recoup.client import RecoupClient
from pipelines.settings import Settings
from pipelines.simulator import Fleet, SimTask, Simulator, SimulatorTransport
from tests.support.polled_world import HOUR, START
from tests.support.publish_harness import publish_as_it_is

NORTH, SOUTH = "aaaaaaaa-0000-4000-8000-00000000000a", "bbbbbbbb-0000-4000-8000-00000000000b"
PAST_THE_HOUR = timedelta(minutes=10)


class ShardedWorld:
    """Tasks of several accounts from START on, and homes below one folder that share a key and a lake."""

    def __init__(self, folder: Path, tasks: Sequence[SimTask], **places: Any) -> None:
        lake = {"lake_catalog": str(folder / "lake/catalog.ducklake"), "lake_data": str(folder / "lake/data")}
        self._folder, self._places = folder, {**lake, **places}
        self._tasks = list(tasks)
        self.sim = self._simulator()

    def home(self, name: str, *accounts: str, **more: Any) -> Settings:
        """The settings of a home; without a lake unless it is a shard or gathers some."""
        given = {"api_url": "http://127.0.0.1", "api_key": "recoup_sk_simulated", "privacy_key": "k", **more}
        places = self._places if {"shard", "shards"} & more.keys() else {}
        home = self._folder / name
        return Settings.load(_env_file=None, home=home, warehouse_dir=home, account_ids=accounts, **places, **given)

    def move(self, task_id: str, account_id: str) -> None:
        """From now on a task belongs to another account."""
        self._tasks = [
            replace(task, account_id=account_id) if task.task_id == task_id else task for task in self._tasks
        ]
        self.sim = self._simulator()

    def poll(self, settings: Settings, hours: float) -> PollSummary:
        """Poll so many hours after START, and not build."""
        at, client = self.at(settings, hours)
        with client:
            return poll(settings, clock=fixed(at), client=client)

    def hand_over(self, settings: Settings, *hours: float) -> None:
        """Poll at these hours, publish without building, and write the shard's lake."""
        for hour in hours:
            self.poll(settings, hour)
        publish_as_it_is(settings.layout)
        publish_into_lake(settings, utc_now)

    def gather(self, settings: Settings, hours: float) -> PollSummary:
        """Gather so many hours after START, and not build."""
        return gather(settings, clock=fixed(START + hours * HOUR + PAST_THE_HOUR))

    def night(self, settings: Settings, hours: float) -> NightReport:
        """Run a whole night; an error of the lake is raised."""
        at, client = self.at(settings, hours)
        with client:
            report = nightly(settings, clock=fixed(at), client=client)
        report.lake.raise_failure()
        return report

    def at(self, settings: Settings, hours: float) -> tuple[datetime, RecoupClient]:
        at = START + hours * HOUR + PAST_THE_HOUR
        self.sim.set_now(at)
        transport = SimulatorTransport(self.sim)
        return at, RecoupClient(settings, clock=fixed(at), transport=transport, sleep=lambda _: None)

    def _simulator(self) -> Simulator:
        return Simulator(Fleet(self._tasks, seed=7, start=START), now=START)


def differing(one: Path, other: Path, schemas: Sequence[str] = ("core",)) -> dict[str, list[str]]:
    """Name the columns in which two databases differ, by table: ids of polls without the shard, days as built."""
    with duckdb.connect() as con:
        for name, path in (("one", one), ("other", other)):
            con.execute(f"attach {literal(path.resolve())} as {name} (read_only)")
        tables = con.execute(COLUMNS, [list(schemas)]).fetchall()
        found = {table: list(_differing_columns(con, table, columns)) for table, columns in tables}
        return {table: columns for table, columns in found.items() if columns}


COLUMNS = """
select schema_name || '.' || table_name, list(column_name order by column_index) from duckdb_columns()
where database_name = 'one' and list_contains(?, schema_name) and not internal group by all order by all
"""


def _differing_columns(con: duckdb.DuckDBPyConnection, table: str, columns: list[str]) -> Iterator[str]:
    """Yield the columns without which the rows would be equal, or all when only together they would."""
    if not _same(con, table, columns):
        single = [column for column in columns if not _same(con, table, [column])]
        rest = [column for column in columns if column not in single]
        yield from single if single and rest and _same(con, table, rest) else columns


def _same(con: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str]) -> bool:
    def told(name: str) -> str:
        is_id = name.endswith("poll_id") or name == "gap_id"
        return f"regexp_replace({name}, '@[a-z]+', '') as {name}" if is_id else name

    here, there = (f"(select {', '.join(map(told, columns))} from {catalog}.{table})" for catalog in ("one", "other"))
    row = con.execute(f"select exists ({here} except all {there}) or exists ({there} except all {here})").fetchone()
    return row == (False,)
