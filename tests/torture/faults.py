"""A warehouse that is put on a machine full of faults, and what must hold after each of them.

Which faults there are belongs to the tests, what refuses to small_disk.py.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import duckdb

from pipelines.paths import Layout
from tests.support.bodies import NOON, body, run, task
from tests.torture.small_disk import Ended, Machine, run_on

PLAIN = Machine()
SECOND = "second.json"
FIRST, LATER = NOON.isoformat(), (NOON + timedelta(hours=1)).isoformat()
# The machine refused, or only the report was not written: each says that what is there stays.
TOLD_CODES = {14, 11}
AGREES = (
    "select (select max(poll_id) from core.polls) = (select last_poll_id from marts.warehouse_info) "
    "and (select count(*) from core.runs) = (select run_count from marts.warehouse_info)"
)
# A poll that was tried twice is two polls; what they saw is the same. Incidents tell of the faults themselves, and
# how often which days were built tells of the builds.
OF_POLLS = {
    "core.polls", "core.responses", "core.task_observations", "core.incidents", "core.check_results",
    "core.built_days", "core.day_builds", "core.publishes",
    "marts.warehouse_info", "marts.fleet_daily", "marts.poll_advice",
}  # fmt: skip


@dataclass(frozen=True)
class House:
    """A published warehouse of one poll, and a second answer that waits beside it."""

    root: Path
    folder: Path
    machine: Machine = PLAIN

    @classmethod
    def built(cls, folder: Path) -> "House":
        """Make it, by the commands that people run."""
        house = cls(folder / "warehouse", folder)
        runs = [run(f"run_{number}", NOON - timedelta(hours=3 * number)) for number in range(1, 4)]
        for name, shown in (("first.json", runs[1:]), (SECOND, [runs[0] | {"status": "FAILED"}, *runs[1:]])):
            (folder / name).write_bytes(body([task(runs=shown)]))
        house.does("poll", "--load", str(folder / "first.json"), "--at", FIRST)
        house.does("build", "--at", FIRST)
        house.does("publish")
        return house

    def at(self, root: Path) -> "House":
        """Return the same, where its warehouse was copied to, with the answer beside it."""
        shutil.copy(self.folder / SECOND, root.parent)
        return replace(self, root=root, folder=root.parent)

    def command(self, name: str) -> list[str]:
        """Return what a person types."""
        return {
            "poll": ["poll", "--load", str(self.folder / SECOND), "--at", LATER],
            "build": ["build", "--at", LATER],
            "backup": ["backup", str(self.folder / "copy")],
            "export": ["export", "--out", str(self.folder / "exported")],
        }.get(name, [name])

    def run(self, *command: str, on: Machine | None = None, more: Mapping[str, str] | None = None) -> Ended:
        """Run one command."""
        environment = {"RECOUP_WAREHOUSE_DIR": str(self.root), "RECOUP_HOME": "/", "RECOUP_LOCK_WAIT_SECONDS": "0"}
        return run_on(on or self.machine, list(command), environment | dict(more or {}))

    def does(self, *command: str) -> None:
        """Run one command, which must succeed."""
        ended = self.run(*command)
        assert ended.code == 0, (command, ended)

    def healed(self) -> dict[str, list[tuple[object, ...]]]:
        """Do what the second answer asks for, where nothing is refused; return what readers are told of tasks and runs."""
        for name in ("poll", "build", "publish"):
            self.does(*self.command(name))
        with duckdb.connect(str(Layout(self.root).published_file), read_only=True) as con:
            return dict(_facts(con))

    def agrees(self) -> bool:
        """Tell whether readers see a copy whose parts are of one poll."""
        with duckdb.connect(str(Layout(self.root).published_file), read_only=True) as con:
            return con.execute(AGREES).fetchall() == [(True,)]


def is_told(ended: Ended) -> bool:
    """Tell whether a command ended with one line about the fault, or well."""
    said = ended.out + ended.err
    if "This is a bug" in said or "Traceback" in said:
        return False
    lines = [line for line in ended.err.splitlines() if line.startswith("recoup-warehouse: ")]
    return ended.code == 0 or (ended.code in TOLD_CODES and len(lines) == 1 and ";" in lines[0])


def _facts(con: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, list[tuple[object, ...]]]]:
    relations = con.execute(
        "select table_schema || '.' || table_name, list(column_name order by ordinal_position) "
        "from information_schema.columns where table_schema in ('core', 'marts') and column_name not like '%poll%' "
        "group by all order by all"
    ).fetchall()
    for name, columns in relations:
        if name not in OF_POLLS:
            listed = ", ".join(f'"{column}"' for column in columns)
            yield name, con.execute(f"select {listed} from {name} order by all").fetchall()
