"""A long time in a short one: what grows with polls and nights beside the history itself?

`python -m benchmarks.soak polls` lives sixty nights in one process, `dev` watches `recoup-warehouse dev` poll at its
fastest; both print memory, open files, files and bytes over time (docs/trust.md). Exit status 1 when something grew.
"""

import ctypes
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import duckdb

from benchmarks.measure import ROOT
from pipelines.database.connection import Warehouse
from pipelines.demo.simulated_api import pointed_at, simulator_of
from pipelines.errors import RecoupError
from pipelines.ingest.simulated_marker import World
from pipelines.load.rebuild import rebuild_locked
from pipelines.nightly import nightly, poll_and_note
from pipelines.paths import Layout
from pipelines.settings import Settings
from pipelines.simulator import serve

START = datetime(2026, 8, 3, tzinfo=UTC)
DAY = timedelta(days=1)
MB = 2**20
SAMPLES = 20
A_RUN_SECONDS = 60
# Polls between nights make fewer files than a start does, so a part that is judged may differ by so much.
TOLERANCE = 1.15
PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Sample:
    """What is held at one moment: memory and open files by processes, files and megabytes by folders."""

    polls: int
    memory_mb: float
    open_files: int
    archive_files: int
    archive_mb: float
    work_mb: float
    snapshots: int
    other_files: int
    other_mb: float


FIGURES = tuple(Sample.__dataclass_fields__)
# What history needs grows with it: the archive, and the work file, which is measured against a rebuilt one.
FLAT = ("memory_mb", "open_files", "snapshots", "other_files", "other_mb")


@click.group()
def main() -> None:
    """See that nothing grows beside the history."""


@main.command()
@click.option("--polls", "poll_count", default=1000, show_default=True)
@click.option("--nights", default=60, show_default=True)
def polls(poll_count: int, nights: int) -> None:
    """Poll a simulated fleet through so many nights in this one process."""
    with tempfile.TemporaryDirectory() as folder:
        simulator = simulator_of(World(7, START), now=START)
        with serve(simulator) as origin:
            plain = Settings.load(warehouse_dir=Path(folder) / "w", privacy_key="k", max_attempts=1)
            settings = pointed_at(plain, origin, simulator)
            samples = list[Sample]()
            per_night = max(1, poll_count // nights)
            for number in range(1, poll_count + 1):
                now = START + number * DAY / per_night
                simulator.set_now(now)
                try:
                    step = nightly if number % per_night == 0 else poll_and_note
                    step(settings, clock=lambda now=now: now)  # type: ignore[misc]
                except RecoupError as error:  # the fleet has outages
                    click.echo(f"{now:%Y-%m-%d %H:%M} {type(error).__name__}")
                if number % max(1, poll_count // SAMPLES) == 0:
                    samples.append(take([os.getpid()], settings.layout, number))
                    tell(samples)
        _compare_with_rebuilt(settings)
    sys.exit(judge(samples))


@main.command()
@click.option("--minutes", default=60, show_default=True)
@click.option("--port", default=3777, show_default=True)
def dev(minutes: int, port: int) -> None:
    """Let Dagster poll by itself every half minute, and look at all of its lasting processes."""
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder) / "w")
        variables = {"WAREHOUSE_DIR": str(layout.root), "POLL_INTERVAL_MIN_SECONDS": "30", "POLL_RUNS_KEPT": "10"}
        variables |= {"POLL_INTERVAL_MAX_SECONDS": "60", "API_KEY": "", "NIGHTLY_AT": _soon(minutes)}
        environment = os.environ | {f"RECOUP_{name}": value for name, value in variables.items()}
        command = [str(Path(sys.executable).with_name("recoup-warehouse")), "dev", "--port", str(port)]
        samples = list[Sample]()
        with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
            try:
                for _ in range(SAMPLES):
                    time.sleep(minutes * 60 / SAMPLES)
                    samples.append(take(lasting(process.pid), layout, len(list(layout.archive.glob("polls/*/*")))))
                    tell(samples)
            finally:
                process.send_signal(signal.SIGTERM)
    sys.exit(judge(samples))


def take(pids: Sequence[int], layout: Layout, poll_count: int) -> Sample:
    """Look at processes and folders.

    What this process has freed goes back to the system first: the C library keeps it in pieces for the next `malloc`,
    and they scatter with time while what is in use stays the same.
    """
    ctypes.CDLL(None).malloc_trim(0)
    archive, rest = list[int](), list[int]()
    for path, size in _files(layout.root):
        if path != layout.work_file and not path.is_relative_to(layout.snapshots):
            (archive if path.is_relative_to(layout.archive) else rest).append(size)
    return Sample(
        polls=poll_count,
        memory_mb=sum(_memory(pid) for pid in pids),
        open_files=sum(_open_files(pid) for pid in pids),
        archive_files=len(archive),
        archive_mb=sum(archive) / MB,
        work_mb=layout.work_file.stat().st_size / MB if layout.work_file.exists() else 0,
        snapshots=len(list(layout.snapshots.glob("*"))),
        other_files=len(rest),
        other_mb=sum(rest) / MB,
    )


def judge(samples: Sequence[Sample]) -> int:
    """Compare the last quarter with the second one; say by how much each figure grew, and return the exit status."""
    quarter = len(samples) // 4
    grown = list[str]()
    for name in FIGURES[1:]:
        before, after = (_middle(samples[i * quarter : (i + 1) * quarter], name) for i in (1, 3))
        is_grown = name in FLAT and after > before * TOLERANCE + 2
        grown += [name] * is_grown
        per_poll = (samples[-1].polls - samples[quarter].polls) or 1
        slope = (getattr(samples[-1], name) - getattr(samples[quarter], name)) / per_poll
        click.echo(f"{name:14} {before:10.2f} -> {after:10.2f}  {slope:+.4f} a poll{'  GREW' * is_grown}")
    click.echo("flat" if not grown else f"grew: {', '.join(grown)}")
    return 1 if grown else 0


def tell(samples: Sequence[Sample]) -> None:
    """Print the newest sample, below a head for the first."""
    if len(samples) == 1:
        click.echo(" ".join(f"{name:>13}" for name in FIGURES))
    click.echo(" ".join(f"{getattr(samples[-1], name):13.2f}" for name in FIGURES))


def lasting(root: int) -> list[int]:
    """Return a process and its descendants, without those that came for one run alone."""
    children: dict[int, list[int]] = {}
    for entry in PROC.glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return [pid for pid in found if _age(pid) > A_RUN_SECONDS]


def _compare_with_rebuilt(settings: Settings) -> None:
    """Say how much larger the work file is than the one that a rebuild makes of the same history, marts aside."""
    warehouse, layout = Warehouse.of(settings), settings.layout
    before = _used(layout.work_file), layout.work_file.stat().st_size
    with warehouse.locked():
        rebuild_locked(warehouse, settings)
    after = _used(layout.work_file), layout.work_file.stat().st_size
    click.echo(f"work file with marts: {before[0]:,} bytes used of {before[1]:,}")
    click.echo(f"rebuilt, without marts: {after[0]:,} bytes used of {after[1]:,}")


def _used(path: Path) -> int:
    with duckdb.connect(str(path), read_only=True) as con:
        row = con.execute("select block_size * used_blocks from pragma_database_size()").fetchone()
    return int(row[0]) if row else 0


def _middle(samples: Sequence[Sample], name: str) -> float:
    return statistics.median(float(getattr(sample, name)) for sample in samples)


def _soon(minutes: int) -> str:
    """Return a time of day a tenth of the way into the run, so that the night is in what is compared."""
    return f"{datetime.now(UTC) + timedelta(minutes=minutes / 10):%H:%M}"


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    for path in folder.rglob("*"):
        try:
            if path.is_file() and not path.is_symlink():
                yield path, path.stat().st_size
        except FileNotFoundError:  # gone while we looked
            continue


def _memory(pid: int) -> float:
    try:
        pages = int((PROC / str(pid) / "statm").read_text().split()[1])
    except OSError:
        return 0
    return float(pages * os.sysconf("SC_PAGE_SIZE")) / MB


def _open_files(pid: int) -> int:
    try:
        return len(list((PROC / str(pid) / "fd").iterdir()))
    except OSError:
        return 0


def _age(pid: int) -> float:
    try:
        return time.time() - (PROC / str(pid)).stat().st_ctime
    except OSError:
        return 0


if __name__ == "__main__":
    main()
