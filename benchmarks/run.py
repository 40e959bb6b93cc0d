"""`make bench`: runs floor, product and peers in turn, verifies each, and keeps every number in data/results/.

The page is made from those files by benchmarks/report.py; nothing here is ever a timed test.
"""

import argparse
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.generate import DATA, DataSet, data_sets
from benchmarks.measure import ROOT, Taken, measure
from benchmarks.verify import FLAT, FLOOR, NESTED, PRODUCT, Names, verify

OWN = ROOT / ".venv" / "bin" / "python"
PEERS_OWN = ROOT / "benchmarks" / ".venv" / "bin" / "python"
PEERS: dict[str, Names] = {
    "polars_upsert": FLAT,
    "dlt_arrow": FLAT,
    "plain_python": FLAT,
    "pandas_upsert": FLAT,
    "dlt_nested": NESTED,
}
RESULTS = DATA / "results"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured process, verified."""

    name: str
    tasks: int
    taken: Taken
    is_exact: bool
    file_bytes: int


def floor(base: DataSet, folder: Path) -> Iterator[tuple[str, Taken, Path, Names, DataSet]]:
    """DuckDB alone."""
    database = folder / "floor.duckdb"
    yield "floor", measure([OWN, "-m", "benchmarks.floor", base.folder, database]), database, FLOOR, base


def product(base: DataSet, delta: DataSet, folder: Path) -> Iterator[tuple[str, Taken, Path, Names, DataSet]]:
    """The product: first load, the same bytes an hour later, then 1 % changed."""
    warehouse = folder / "warehouse"
    database = warehouse / "work" / "recoup.duckdb"
    for hours, (name, data) in enumerate((("first", base), ("again", base), ("delta", delta))):
        command: list[str | Path] = [OWN, "-m", "benchmarks.product", data.folder, warehouse, str(hours)]
        yield f"product_{name}", measure(command), database, PRODUCT, data


def peer(name: str, base: DataSet, folder: Path) -> Iterator[tuple[str, Taken, Path, Names, DataSet]]:
    """One peer, first load."""
    database = folder / f"{name}.duckdb"
    command: list[str | Path] = [PEERS_OWN, "-m", f"benchmarks.peers.{name}", base.folder, database]
    yield name, measure(command), database, PEERS[name], base


def run(tasks: int, repeat: int, peers: list[str], say: Callable[[str], None]) -> list[Figure]:
    """Measure everything `repeat` times in turn, so that a busy moment of the machine meets all alike."""
    base, delta = data_sets(tasks)
    figures = []
    for _ in range(repeat):
        with tempfile.TemporaryDirectory(dir=DATA) as name:
            folder = Path(name)
            sources = [floor(base, folder), product(base, delta, folder), *(peer(each, base, folder) for each in peers)]
            for what, taken, database, names, data in (case for source in sources for case in source):
                is_exact = verify(database, names, data.truth)
                figures.append(Figure(what, tasks, taken, is_exact, database.stat().st_size))
                say(f"{what:14} {taken.wall_seconds:8.1f} s {taken.cpu_seconds:8.1f} s CPU {taken.peak_mb:7.0f} MB")
    return figures


def keep(figures: list[Figure], **more: Any) -> Path:
    """Write figures with what they were measured on."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    at = datetime.now(UTC)
    content = {
        "at": at.isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
        "versions": {name: version(name) for name in ("duckdb", "pydantic", "msgspec")} | _peer_versions(),
        "load_average": list(os.getloadavg()),
        "figures": [asdict(figure) for figure in figures],
        **more,
    }
    target = RESULTS / f"{at:%Y%m%dT%H%M%SZ}.json"
    target.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return target


def _peer_versions() -> dict[str, str]:
    wanted = {"dlt", "polars", "pandas", "pyarrow"}
    found = {}
    for folder in (PEERS_OWN.parent.parent / "lib").glob("python*/site-packages/*.dist-info"):
        name, _, number = folder.name.removesuffix(".dist-info").rpartition("-")
        if name in wanted:
            found[name] = number
    return found


def main() -> None:
    """Measure and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=100_000, help="five runs each")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS))
    arguments = parser.parse_args()
    if not shutil.which(str(PEERS_OWN)) and arguments.peers:
        raise SystemExit("benchmarks/.venv is missing: run `make bench`, which makes it")
    figures = run(arguments.tasks, arguments.repeat, arguments.peers, print)
    print(keep(figures))


if __name__ == "__main__":
    main()
