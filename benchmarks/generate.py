"""Writes response bodies of the documented shape to benchmarks/data/, streamed, with what a correct load must find.

`python -m benchmarks.generate --tasks 100000` makes 500,000 runs in some 911 MB, and the same a day later with 1 % of
the tasks changed. What a task looks like is shape.py's.
"""

import argparse
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.shape import WINDOW, Truth, make_task

DATA = Path(__file__).resolve().parent / "data"
SEED = 20260820
TASKS_PER_RESPONSE = 500
CHANGED_EVERY = 100  # 1 %, spread over all responses


@dataclass(frozen=True, slots=True)
class DataSet:
    """A folder of bodies, and what core must hold after loading it (a delta: after loading it on top of its base)."""

    folder: Path

    @property
    def bodies(self) -> list[Path]:
        """The saved responses, in order."""
        return sorted(self.folder.glob("[0-9]*.json"))

    @property
    def truth(self) -> dict[str, Any]:
        """Counts, exact sums, sizes."""
        return dict(json.loads((self.folder / "truth.json").read_text("utf-8")))


def data_sets(tasks: int) -> tuple[DataSet, DataSet]:
    """Return base and delta of a size, made when they are not there."""
    base, delta = DATA / f"{tasks}", DATA / f"{tasks}-delta"
    if not (delta / "truth.json").exists():
        _write(base, delta, tasks, max(8, tasks // TASKS_PER_RESPONSE))
    return DataSet(base), DataSet(delta)


def _write(base: Path, delta: Path, tasks: int, responses: int) -> None:
    first, added, sizes = Truth(), Truth(), Counter[Path]()
    for folder in (base, delta):
        folder.mkdir(parents=True, exist_ok=True)
    for part in range(responses):
        numbers = range(part * tasks // responses, (part + 1) * tasks // responses)
        before = [make_task(SEED, number, first) for number in numbers]
        after = [
            raw if number % CHANGED_EVERY else make_task(SEED, number, Truth(), days_on=1)
            for number, raw in zip(numbers, before, strict=True)
        ]
        for folder, rows in ((base, before), (delta, after)):
            body = b'{"status":"success","tasks":[' + b",".join(rows) + b"]}"
            sizes[folder] += len(body)
            (folder / f"{part:04d}.json").write_bytes(body)
    for number in range(0, tasks, CHANGED_EVERY):
        make_task(SEED, number, added, days_on=1, window=1)
    changed = added.counts.pop("tasks")
    added.counts.pop("upcoming")
    _tell(base, first, responses, sizes, 0)
    _tell(delta, first + added, responses, sizes, changed)


def _tell(folder: Path, truth: Truth, responses: int, sizes: Counter[Path], changed: int) -> None:
    content = {**truth.as_json(), "responses": responses, "bytes": sizes[folder], "changed_tasks": changed}
    (folder / "truth.json").write_text(json.dumps(content), encoding="utf-8")


def main() -> None:
    """Make a data set and its delta."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=100_000, help=f"each with {WINDOW} runs")
    for data in data_sets(parser.parse_args().tasks):
        print(data.folder, json.dumps(data.truth))


if __name__ == "__main__":
    main()
