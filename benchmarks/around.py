"""What surrounds a load, each against its own floor: starting, fetching, building, publishing, a Dagster night.

Loads themselves belong to benchmarks/run.py, growth of the delta to benchmarks/history.py. Numbers are kept beside theirs.
"""

import argparse
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.generate import DATA, SEED, data_sets
from benchmarks.history import TASKS, make_history
from benchmarks.measure import Taken, measure
from benchmarks.run import OWN, Figure, keep
from benchmarks.shape import OBSERVED, Truth, make_task
from pipelines.orchestrate.dagster_home import prepare_dagster_home
from pipelines.paths import Layout
from pipelines.recoup.client import RecoupClient
from pipelines.recoup.endpoints import Request, Response
from pipelines.settings import Settings
from pipelines.simulator import Fleet, Simulator, serve

ACCOUNTS, TASKS_OF_ACCOUNT, ANSWER_SECONDS = 50, 40, 0.2
CLI = OWN.with_name("recoup-warehouse")
AT = OBSERVED.astimezone(UTC).isoformat()
# The least a Dagster process does before its first step: import, instance, warehouse.
DAGSTER_FLOOR = """
import dagster as dg, duckdb, sys
with dg.DagsterInstance.get():
    duckdb.connect(sys.argv[1]).close()
"""
DAGSTER_NIGHT = """
import dagster as dg
from pipelines.definitions import defs
quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
with dg.DagsterInstance.get() as instance:
    assert defs.resolve_job_def("nightly").execute_in_process(instance=instance, run_config=quiet).success
"""
OPENED = """
import sys
from pathlib import Path
from pipelines.database.core_schema import apply_core
from pipelines.transform.build import build
from pipelines.transform.checks import run_checks
from pipelines.clock import parse_instant
from pipelines.transform.load_models import load_models
from pipelines.settings import Settings
from pipelines.database.connection import Warehouse
models, settings = load_models(), Settings.load(warehouse_dir=Path(sys.argv[1]))
with Warehouse.of(settings).write() as con:
"""
MARTS = (
    OPENED
    + """
    apply_core(con)
    con.execute("delete from core.day_builds")
    report = build(con, models=models, as_of=parse_instant(sys.argv[2]), reporting_timezone=settings.reporting_timezone)
slowest = sorted(report.seconds.items(), key=lambda item: -item[1])[:8]
print(*(f"{'.'.join(key)} {seconds:.2f}" for key, seconds in slowest), sep="\\n", file=sys.stderr)
"""
)
CHECKS = (
    OPENED
    + """
    run_checks(con, models)
"""
)
PUBLISH = """
import sys
from pathlib import Path
from pipelines.clock import utc_now
from pipelines.nightly import check_and_publish
from pipelines.settings import Settings
from pipelines.transform.load_models import load_models
check_and_publish(Settings.load(warehouse_dir=Path(sys.argv[1])), clock=utc_now, models=load_models())
"""
COPY = "import os, shutil, sys; shutil.copyfile(*sys.argv[1:]); os.sync()"


def fetch() -> list[tuple[str, Taken]]:
    """Fifty accounts of forty tasks from a server that takes 200 ms, against calls x 200 ms / concurrency."""
    tasks = b",".join(make_task(SEED, number, Truth()) for number in range(TASKS_OF_ACCOUNT))
    content = b'{"status":"success","tasks":[' + tasks + b"]}"

    class Slow(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            time.sleep(ANSWER_SECONDS)
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings = Settings.load(api_url=f"http://127.0.0.1:{server.server_port}", api_key="recoup_sk_simulated")
    started, cpu = time.perf_counter(), time.process_time()
    with RecoupClient(settings, clock=lambda: datetime.now(UTC)) as client:
        answers = list(client.get_many([Request.tasks(f"account_{number}") for number in range(ACCOUNTS)]))
    taken = Taken(time.perf_counter() - started, time.process_time() - cpu, 0)
    server.shutdown()
    if not all(isinstance(answer, Response) and answer.status == 200 for answer in answers):
        raise SystemExit("the server of the benchmark did not answer")
    return [("fetch", taken), ("fetch_floor", Taken(ACCOUNTS * ANSWER_SECONDS / settings.concurrency, 0, 0))]


def start(folder: Path) -> list[tuple[str, Taken]]:
    """The command line, on a published copy."""
    environment = {"RECOUP_WAREHOUSE_DIR": str(folder)}
    return [
        ("cli_floor", measure([OWN, "-c", "pass"])),
        ("cli_help", measure([CLI, "--help"])),
        ("cli_query", measure([CLI, "query", "select count(*) from core.runs"], environment)),
    ]


def publish(folder: Path) -> list[tuple[str, Taken]]:
    """Publish the file, against copying it and having it on disk."""
    with tempfile.TemporaryDirectory(dir=DATA) as name:
        copied = measure([OWN, "-c", COPY, Layout(folder).work_file, Path(name) / "copy.duckdb"])
    return [("publish_copy", copied), ("publish", measure([OWN, "-c", PUBLISH, folder]))]


def night(folder: Path) -> list[tuple[str, Taken]]:
    """A nightly Dagster run with nothing new, against importing Dagster and opening instance and warehouse."""
    simulator = Simulator(Fleet.demo(seed=7, start=OBSERVED.astimezone(UTC)), now=OBSERVED.astimezone(UTC))
    with serve(simulator) as origin:
        settings = Settings.load(warehouse_dir=folder, api_url=origin, api_key="recoup_sk_simulated")
        environment = {
            "RECOUP_WAREHOUSE_DIR": str(folder),
            "DAGSTER_HOME": str(prepare_dagster_home(settings.layout)),
            "RECOUP_API_URL": origin,
            "RECOUP_API_KEY": "recoup_sk_simulated",
        }
        if not settings.layout.work_file.exists():
            measure([CLI, "nightly"], environment)
        floor = measure([OWN, "-c", DAGSTER_FLOOR, settings.layout.work_file], environment)
        return [("dagster_floor", floor), ("dagster_nightly", measure([OWN, "-c", DAGSTER_NIGHT], environment))]


def build(folder: Path) -> list[tuple[str, Taken]]:
    """All marts from nothing, then all checks."""
    return [
        ("marts", measure([OWN, "-c", MARTS, folder, AT])),
        ("checks", measure([OWN, "-c", CHECKS, folder, AT])),
    ]


def main() -> None:
    """Measure in turn, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weeks", type=int, default=100, help=f"history, {TASKS * 5:,} runs each")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    base, _ = data_sets(TASKS)
    figures: list[Figure] = []

    def take(weeks: int, measured: Callable[[], list[tuple[str, Taken]]]) -> None:
        for name, taken in measured():
            figures.append(Figure(name, TASKS * weeks, taken, True, 0))
            print(f"{name:16} {taken.wall_seconds:7.2f} s {taken.cpu_seconds:7.2f} s CPU {taken.peak_mb:6.0f} MB")

    with tempfile.TemporaryDirectory(dir=DATA) as name:
        for weeks in (1, arguments.weeks):
            folder = Path(name) / f"warehouse-{weeks}"
            shutil.copytree(make_history(base, weeks), folder)
            os.sync()
            for _ in range(arguments.repeat):
                take(weeks, lambda: build(folder))  # noqa: B023 - called at once
                take(weeks, lambda: publish(folder))  # noqa: B023
                take(weeks, lambda: start(folder))  # noqa: B023
        for _ in range(arguments.repeat):
            take(1, fetch)
            take(1, lambda: night(Path(name) / "night"))
    print(keep(figures))


if __name__ == "__main__":
    main()
