"""What a lake in PostgreSQL and S3 on this machine costs: publishing, asking, and gathering what a shard handed over.

The table is for docs/bi/lake.md. What publishing the file costs belongs to benchmarks/around.py.
"""

import argparse
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.around import AT, COPY, MARTS
from benchmarks.generate import DATA, data_sets
from benchmarks.history import TASKS, make_history
from benchmarks.measure import Taken, measure
from benchmarks.product import PRIVACY_KEY
from benchmarks.run import OWN
from pipelines.database.connection import Connection, Warehouse, open_published
from pipelines.lake.connection import open_lake
from pipelines.settings import Settings
from tests.lake.conftest import Services
from tests.support.postgres_server import postgres_server
from tests.support.publish_harness import publish_as_it_is
from tests.support.seaweed_server import seaweed_server

INTO_THE_LAKE = """
import sys
from pathlib import Path
from pipelines.clock import utc_now
from pipelines.lake.update import publish_into_lake
from pipelines.settings import Settings
publish_into_lake(Settings.load(warehouse_dir=Path(sys.argv[1])), utc_now)
"""
GATHER = """
import sys
from pathlib import Path
from pipelines.clock import utc_now
from pipelines.lake.gather import gather
from pipelines.settings import Settings
gather(Settings.load(warehouse_dir=Path(sys.argv[1])), clock=utc_now)
"""
SHARD = "north"
ONE_RUN = "update core.runs set outcome = 'unknown' where run_id = (select max(run_id) from core.runs)"
QUESTIONS = {
    "a task's health": "select state from {}marts.task_health limit 1",
    "spend of a month by day": "select date, sum(total_usd) from {}marts.spend_daily group by date order by date limit 30",
    "all runs by outcome": "select outcome, count(*), sum(total_cents) from {}core.runs group by outcome",
}
ASKED = 5


def main() -> None:
    """Measure for each length of history, and print rows of a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weeks", type=int, nargs="+", default=[1, 20], help=f"history, {TASKS * 5:,} runs each")
    base, _ = data_sets(TASKS)
    with postgres_server() as postgres, seaweed_server() as s3, tempfile.TemporaryDirectory(dir=DATA) as name:
        for weeks in parser.parse_args().weeks:
            folder = Path(name) / f"warehouse-{weeks}"
            shutil.copytree(make_history(base, weeks), folder)
            measure([OWN, "-c", MARTS, folder, AT])
            settings = Settings.load(_env_file=None, warehouse_dir=folder, **Services(postgres, s3).new_places())
            for what, told in _figures(settings, folder):
                print(f"| {what} | {TASKS * 5 * weeks:,} | {told} |", flush=True)


def _figures(settings: Settings, folder: Path) -> Iterator[tuple[str, str]]:
    environment = _environment(settings)
    os.sync()
    copied = measure([OWN, "-c", COPY, settings.layout.work_file, folder / "copy.duckdb"])
    size = settings.layout.work_file.stat().st_size / 2**20
    yield f"copying the file ({size:.0f} MB)", _told(copied)
    for what in ("first publish into the lake", "the same again", "after one run has changed"):
        if what.startswith("after"):
            with Warehouse.of(settings).write() as con:
                con.execute(ONE_RUN)
        publish_as_it_is(settings.layout)
        yield what, _told(measure([OWN, "-c", INTO_THE_LAKE, folder], environment))
    with closing(open_published(settings.layout)) as file, open_lake(settings) as con:
        for what, question in QUESTIONS.items():
            in_file, in_lake = _milliseconds(file, question.format("")), _milliseconds(con, question.format("lake."))
            yield f"asking for {what}", f"file {in_file:.0f} ms, lake {in_lake:.0f} ms"
    shard = environment | {"RECOUP_SHARD": SHARD, "RECOUP_ACCOUNT_IDS": str(uuid.uuid4())}
    yield "handing it over as a shard", _told(measure([OWN, "-c", INTO_THE_LAKE, folder], shard))
    gatherer = environment | {"RECOUP_SHARDS": SHARD}
    for what in ("gathering that shard", "gathering it again"):
        yield what, _told(measure([OWN, "-c", GATHER, folder.with_name(f"{folder.name}-gatherer")], gatherer))


def _environment(settings: Settings) -> dict[str, str]:
    """The settings of a lake as variables, for processes of their own; one privacy key for all of them."""
    secrets = {"lake_s3_key_id": settings.lake_s3_key_id, "lake_s3_secret": settings.lake_s3_secret}
    plain = {name: secret.get_secret_value() for name, secret in secrets.items() if secret}
    plain |= {name: str(getattr(settings, name)) for name in ("lake_catalog", "lake_data", "lake_s3_endpoint")}
    return {f"RECOUP_{name.upper()}": value for name, value in plain.items()} | {"RECOUP_PRIVACY_KEY": PRIVACY_KEY}


def _told(taken: Taken) -> str:
    return f"{taken.wall_seconds:.1f} s, {taken.cpu_seconds:.1f} s CPU, {taken.peak_mb:.0f} MB"


def _milliseconds(con: Connection, question: str) -> float:
    """The median of some askings over one connection."""
    took = []
    for _ in range(ASKED):
        began = time.perf_counter()
        con.execute(question).fetchall()
        took.append(time.perf_counter() - began)
    return sorted(took)[ASKED // 2] * 1000


if __name__ == "__main__":
    main()
