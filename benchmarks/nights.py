"""What a night repeats: after a normal day on little and on much history, and with nothing new on a small fleet.

A first night builds and checks all; then a delta is loaded, and the second night (build, check, publish) is measured
beside DuckDB's own group-by of all runs. A first load belongs to benchmarks/run.py, building from nothing to around.py.
"""

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from benchmarks.around import CLI, DAGSTER_NIGHT
from benchmarks.generate import DATA, DataSet, data_sets
from benchmarks.history import TASKS, make_history
from benchmarks.measure import Taken, measure
from benchmarks.run import OWN, Figure, keep
from benchmarks.shape import OBSERVED
from pipelines.database.connection import open_published
from pipelines.orchestrate.dagster_home import prepare_dagster_home
from pipelines.paths import Layout
from pipelines.settings import Settings
from pipelines.simulator import Fleet, Simulator, serve

NIGHT = """
import sys
from pathlib import Path
from pipelines.clock import fixed, parse_instant
from pipelines.database.connection import Warehouse
from pipelines.nightly import check_and_publish
from pipelines.settings import Settings
from pipelines.transform.built import build_all
from pipelines.transform.load_models import load_models
at, models, settings = parse_instant(sys.argv[2]), load_models(), Settings.load(warehouse_dir=Path(sys.argv[1]))
with Warehouse.of(settings).write() as con:
    build_all(con, settings, models, at)
check_and_publish(settings, clock=fixed(at), models=models)
"""
GROUP_BY = """
import duckdb, sys
query = '''
select task_id, created_date, count(*), count(*) filter (outcome = 'failed'), sum(total_cents), sum(duration_ms)
from core.runs group by all
'''
with duckdb.connect(sys.argv[1], read_only=True, config={"memory_limit": "1GB"}) as con:
    con.execute(f"create temp table found as {query}")
"""
START = OBSERVED.astimezone(UTC)
DAYS_BACK = 35


def nights(base: DataSet, delta: DataSet, weeks: int, folder: Path) -> Iterator[tuple[str, Taken]]:
    """A night after a delta, and one after a run of five weeks ago was corrected."""
    warehouse = Layout(folder / f"night-{weeks}")
    shutil.copytree(make_history(base, weeks), warehouse.root)
    os.sync()
    yield f"night_first_{weeks}", _night(warehouse, START)
    measure([OWN, "-m", "benchmarks.product", delta.folder, warehouse.root, "1"])
    yield f"night_{weeks}", _night(warehouse, START + timedelta(hours=1))
    _is_right(warehouse, delta.truth["runs"] + (weeks - 1) * base.truth["runs"])
    yield f"group_by_{weeks}", measure([OWN, "-c", GROUP_BY, warehouse.work_file])
    with duckdb.connect(str(warehouse.work_file)) as con:
        con.execute("update core.runs set status = 'CRASHED', outcome = 'failed' where run_id = ?", [_old_run(con)])
    yield f"night_corrected_{weeks}", _night(warehouse, START + timedelta(hours=2))
    shutil.rmtree(warehouse.root)


def _night(warehouse: Layout, at: datetime) -> Taken:
    return measure([OWN, "-c", NIGHT, warehouse.root, at.isoformat()])


def _old_run(con: duckdb.DuckDBPyConnection) -> str:
    query = """
        select max(run_id) from core.runs
        where outcome = 'succeeded' and created_date <= (select max(created_date) from core.runs) - ?
    """
    row = con.execute(query, [DAYS_BACK]).fetchone()
    if row is None or row[0] is None:
        raise SystemExit(f"there is no run of {DAYS_BACK} days ago")
    return str(row[0])


def _is_right(warehouse: Layout, runs: int) -> None:
    """What the marts count and sum over all days is what core holds."""
    query = """
        select (select sum(run_count) from marts.spend_daily), count(*),
            (select sum(total_cents) from marts.spend_daily) - sum(total_cents) from core.runs
    """
    with open_published(warehouse) as con:
        counted, held, cents = con.execute(query).fetchone() or (0, 0, None)
    if not counted == held == runs or cents:
        raise SystemExit(f"marts count {counted} runs, core {held} of {runs}; money differs by {cents}")


def small_fleet(folder: Path) -> Iterator[tuple[str, Taken]]:
    """A night of the demo's fleet with nothing new, by the command line and by Dagster, and a poll of fifty tasks."""
    simulator = Simulator(Fleet.demo(seed=7, start=START), now=START)
    with serve(simulator) as origin:
        environment = {"RECOUP_API_URL": origin, "RECOUP_API_KEY": "recoup_sk_simulated"}
        commands: dict[str, list[str | Path]] = {"command": [CLI, "nightly"], "dagster": [OWN, "-c", DAGSTER_NIGHT]}
        for name, command in commands.items():
            layout = Settings.load(warehouse_dir=folder / name).layout
            own = environment | {"RECOUP_WAREHOUSE_DIR": str(layout.root)}
            own["DAGSTER_HOME"] = str(prepare_dagster_home(layout))
            measure([CLI, "nightly"], own)
            for _ in range(2):
                taken = measure(command, own)
            yield f"night_small_{name}", taken
        yield "poll_small", measure([CLI, "poll"], environment | {"RECOUP_WAREHOUSE_DIR": str(folder / "command")})


def main() -> None:
    """Measure in turn, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weeks", type=int, nargs="*", default=[10, 100], help=f"history, {TASKS * 5:,} runs each")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    base, delta = data_sets(TASKS)
    figures: list[Figure] = []
    for _ in range(arguments.repeat):
        with tempfile.TemporaryDirectory(dir=DATA) as name:
            measured = [nights(base, delta, weeks, Path(name)) for weeks in arguments.weeks]
            for what, taken in (case for source in [small_fleet(Path(name)), *measured] for case in source):
                figures.append(Figure(what, TASKS, taken, True, 0))
                print(
                    f"{what:20} {taken.wall_seconds:7.2f} s {taken.cpu_seconds:7.2f} s CPU {taken.peak_mb:6.0f} MB",
                    flush=True,
                )
    print(keep(figures))


if __name__ == "__main__":
    main()
