"""Which runs of this code location are under way, and which stand as started although their process is gone.

A run holds a lock on a file of its own while it lives; a kill or a reboot frees the lock and leaves the file. What is done
about dead runs, and when, belongs to sensors.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg

from pipelines.paths import PRIVATE_DIR_MODE, PRIVATE_FILE_MODE, Layout

# The same name as in workspace.yaml and pyproject.toml.
LOCATION = "recoup_warehouse"
REPOSITORY_TAG = ".dagster/repository"
# Only jobs of shards have partitions: their runs are processes elsewhere.
PARTITION_TAG = "dagster/partition"
# Between its first event and its lock a run only sets up its resources; nothing of it can hang for so long.
GRACE = timedelta(minutes=2)

UNFINISHED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


@contextmanager
def alive(layout: Layout, run_id: str) -> Iterator[None]:
    """Mark a run as alive until the block ends, however it ends."""
    layout.prepare()
    path = _lock_file(layout, run_id)
    path.parent.mkdir(mode=PRIVATE_DIR_MODE, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT, PRIVATE_FILE_MODE)
    try:
        # Locked before it has its name: who finds the file unlocked may be sure that its process is gone.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fresh.rename(path)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def unfinished_runs(instance: dg.DagsterInstance, shard: str | None = None) -> Sequence[dg.RunRecord]:
    """List the runs of this home that have not ended, or those of a shard; an instance may serve other projects too."""
    records = instance.get_run_records(filters=dg.RunsFilter(statuses=list(UNFINISHED)))
    ours = [record for record in records if is_of_this_location(record.dagster_run)]
    return [record for record in ours if record.dagster_run.tags.get(PARTITION_TAG) == shard]


def end_dead_runs(
    instance: dg.DagsterInstance, layout: Layout, now: datetime, shard: str | None = None
) -> list[dg.DagsterRun]:
    """Report runs as failed that stand as started and whose process is gone, so that nothing waits for them."""
    records = unfinished_runs(instance, shard)
    dead = [record.dagster_run for record in records if _is_dead(instance, layout, record, now)]
    for run in dead:
        instance.report_run_failed(
            run, "Its process is gone (killed, or the machine went down). The next run loads what it left unloaded."
        )
        _lock_file(layout, run.run_id).unlink(missing_ok=True)
    return dead


def _is_dead(instance: dg.DagsterInstance, layout: Layout, record: dg.RunRecord, now: datetime) -> bool:
    run = record.dagster_run
    if run.status is not dg.DagsterRunStatus.STARTED:
        return False  # Dagster's own monitoring ends what does not start or cancel in time
    path = _lock_file(layout, run.run_id)
    if path.exists():
        return not _is_locked(path)
    # Without a file it was killed before it took its lock, unless it is somebody else's, or of an executor of many
    # processes, which has none between two steps.
    is_surely_ours = REPOSITORY_TAG in run.tags
    return is_surely_ours and now - record.update_timestamp > GRACE and not instance.get_run_step_stats(run.run_id)


def is_of_this_location(run: dg.DagsterRun) -> bool:
    """Tell whether a run belongs to this project; one started by hand in a process of its own carries no tag."""
    tag = run.tags.get(REPOSITORY_TAG)
    return tag is None or tag.endswith(f"@{LOCATION}")


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return True  # it has ended well in this moment
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _lock_file(layout: Layout, run_id: str) -> Path:
    return layout.work / "runs" / f"{run_id}.lock"
