"""Six tasks of two accounts, polled by one home and by two shards with a gatherer, and what may differ. No assertions."""

from typing import Any

from pipelines.database.connection import Warehouse
from pipelines.database.core_schema import apply_core
from pipelines.lake.gather import copy_told, merge
from pipelines.settings import Settings
from pipelines.simulator import SimTask
from tests.support.sharded_world import NORTH, SOUTH, ShardedWorld, differing

CRONS = ("0 * * * *", "30 */2 * * *", "0 9 * * *")
TASKS = [f"{number:08d}-0000-4000-8000-000000000000" for number in range(6)]
# What tells of polls themselves.
OF_POLLS = {"core.polls", "core.responses", "marts.warehouse_info"}
# A shard that meets a task anew sees (and retrieves) runs again that another knew, where one machine sees no change.
SEEN_AGAIN = {
    "core.runs": {"last_observed_at", "details_observed_at"},
    "marts.run_facts": {"last_observed_at"},
    "marts.runs_in_force": {"last_observed_at"},
}


def tasks() -> list[SimTask]:
    return [
        SimTask(
            task_id=task_id,
            title=f"Task {number}",
            cron=CRONS[number % 3],
            account_id=NORTH if number < 3 else SOUTH,
            mix={"failed": 0.2, "retried": 0.1},
        )
        for number, task_id in enumerate(TASKS)
    ]


def unnamed(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """Leave out the differences that have a reason."""
    return {
        table: columns
        for table, columns in found.items()
        if table not in OF_POLLS and not {*columns} <= SEEN_AGAIN.get(table, set())
    }


class Homes:
    """One home for all accounts, two shards, and the gatherer."""

    def __init__(self, world: ShardedWorld, **more: Any) -> None:
        self.world = world
        self.one = world.home("one", NORTH, SOUTH, **more)
        self.north = world.home("north", NORTH, shard="north", **more)
        self.south = world.home("south", SOUTH, shard="south", **more)
        self.gatherer = world.home("gatherer", shards="north,south")

    def poll(self, *hours: float) -> None:
        for hour in hours:
            for home in (self.one, self.north, self.south):
                self.world.poll(home, hour)

    def gather(self, hour: float) -> dict[str, list[str]]:
        """Poll everywhere, hand over and gather; return what of core differs from the one home."""
        self.world.poll(self.one, hour)
        self.world.hand_over(self.north, hour)
        self.world.hand_over(self.south, hour)
        self.world.gather(self.gatherer, hour)
        return unnamed(differing(self.one.layout.work_file, self.gatherer.layout.work_file))

    def merge(self, hour: float | None = None) -> dict[str, list[str]]:
        """The same without a lake between: the work files themselves stand for what was handed over."""
        if hour is not None:
            self.poll(hour)
        self.merge_work_files()
        return unnamed(differing(self.one.layout.work_file, self.gatherer.layout.work_file))

    def merge_work_files(self) -> None:
        with Warehouse.of(self.gatherer).write() as con:
            apply_core(con)
            for name, home in (("north", self.north), ("south", self.south)):
                con.execute(f"attach '{home.layout.work_file}' as shard_{name} (read_only)")
            copy_told(con, ["north", "south"])
            merge(con)


def asked(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with Warehouse.of(settings).write() as con:
        return con.execute(query).fetchall()
