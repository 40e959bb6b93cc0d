"""Dagster's own state: its folder inside the warehouse, its configuration there, and the files of deleted runs.

Nothing here imports Dagster, so the command line can prepare the folder before it starts a Dagster process.
"""

import shutil
from pathlib import Path

from pipelines.atomic_write import write_whole
from pipelines.paths import Layout

# Storage is Dagster's default: SQLite files below this folder, so the whole warehouse can be moved.
CONFIGURATION = """\
# Written by recoup-warehouse at every start; edits here are lost.
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  pools:
    # The pool `warehouse` has one writer. Per run, so that nothing runs between the steps of a nightly.
    default_limit: 1
    granularity: run
  runs:
    max_concurrent_runs: 4
run_monitoring:
  enabled: true
  # A killed run stands as started, and holds the pool, until this time is over. Jobs set less by a tag.
  max_runtime_seconds: 14400
  free_slots_after_run_end_seconds: 30
retention:
  schedule:
    purge_after_days: 90
  sensor:
    purge_after_days:
      skipped: 2
      failure: 30
      success: 30
"""


def prepare_dagster_home(layout: Layout) -> Path:
    """Create the folder and its dagster.yaml; return what DAGSTER_HOME has to be."""
    layout.prepare()
    target = layout.dagster_home / "dagster.yaml"
    if not target.exists() or target.read_text(encoding="utf-8") != CONFIGURATION:
        write_whole(target, CONFIGURATION.encode())
    return layout.dagster_home


def remove_run_files(dagster_home: Path, run_id: str) -> None:
    """Remove the event database and the captured output of a run that was deleted from the history.

    Deleting a run empties its database and leaves the file, one for each run.
    """
    for leftover in (dagster_home / "history" / "runs").glob(f"{run_id}.db*"):
        leftover.unlink(missing_ok=True)
    shutil.rmtree(dagster_home / "storage" / run_id, ignore_errors=True)


def prune_sensor_logs(dagster_home: Path, sensor_name: str, kept: int) -> None:
    """Keep what a sensor said at its newest ticks: Dagster writes a file for each and removes none."""
    folder = dagster_home / "storage" / "__repository__" / sensor_name
    if folder.is_dir():
        by_age = sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime, reverse=True)
        for old in by_age[kept:]:
            old.unlink(missing_ok=True)
