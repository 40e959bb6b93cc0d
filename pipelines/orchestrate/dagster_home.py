"""Dagster's own state: its folder inside the warehouse, its configuration there, and what this product needs of it.

Nothing here imports Dagster, so the command line can prepare the folder before it starts a Dagster process.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from pipelines.atomic_write import write_whole
from pipelines.paths import Layout

# Storage is where Dagster's default is: SQLite files below this folder, so the whole warehouse can be moved.
CONFIGURATION = """\
# Written by recoup-warehouse when it was absent; edits stay. `recoup-warehouse doctor` says what it needs of them.
event_log_storage:
  # Dagster's own files, kept open: it opens and closes them for each of a night's 300 events.
  module: pipelines.orchestrate.event_log
  class: OpenEventLog
  config:
    base_dir: history/runs
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


def dagster_home(layout: Layout) -> Path:
    """Name the folder: DAGSTER_HOME when somebody set it, else one inside the warehouse."""
    return set_home() or layout.dagster_home


def set_home() -> Path | None:
    """Return the folder that DAGSTER_HOME names; every Dagster process with a history has one."""
    own = os.environ.get("DAGSTER_HOME", "").strip()
    return Path(own).expanduser().resolve() if own else None


def prepare_dagster_home(layout: Layout) -> Path:
    """Create the folder, and a dagster.yaml where there is none; return what DAGSTER_HOME has to be."""
    layout.prepare()
    home = dagster_home(layout)
    home.mkdir(parents=True, exist_ok=True)
    target = home / "dagster.yaml"
    if not target.exists():
        write_whole(target, CONFIGURATION.encode())
    return home


def differences(configuration: str) -> Iterator[str]:
    """Name what a dagster.yaml sets otherwise than this product needs. Raises ValueError when it cannot be read."""
    try:
        found = yaml.safe_load(configuration) or {}
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    if not isinstance(found, Mapping):
        raise ValueError("it is no mapping")
    wanted: Mapping[str, Any] = yaml.safe_load(CONFIGURATION)
    for path in (
        "concurrency.pools.default_limit",
        "concurrency.pools.granularity",
        "run_monitoring.enabled",
        "run_monitoring.free_slots_after_run_end_seconds",
        "retention.sensor.purge_after_days.skipped",
    ):
        is_, should = _at(found, path), _at(wanted, path)
        if is_ != should:
            yield f"{path} is {'not set' if is_ is None else is_} instead of {should}"


def _at(mapping: Mapping[str, Any], path: str) -> Any:
    value: Any = mapping
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
