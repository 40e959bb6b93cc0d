"""Loads saved bodies into a warehouse by the product's own `poll`, as `recoup-warehouse poll --load` does.

Measuring and verifying belong to measure.py and verify.py.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.shape import OBSERVED
from pipelines.ingest import poll as polling
from pipelines.settings import Settings

PRIVACY_KEY = "benchmark"


def main() -> None:
    """Arguments: folder of bodies, warehouse directory, hours after the first poll."""
    bodies, warehouse, hours = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    at = OBSERVED.astimezone(UTC) + timedelta(hours=hours)
    settings = Settings.load(warehouse_dir=warehouse, privacy_key=PRIVACY_KEY)

    def clock() -> datetime:
        return at

    polling.poll(settings, clock=clock, load_files=sorted(bodies.glob("[0-9]*.json")))


if __name__ == "__main__":
    main()
