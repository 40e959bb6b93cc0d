"""Keeps Dagster's history small, through the instance's own interface, so that any storage and any home will do.

When that is done belongs to sensors; what the history is good for, to Dagster. core.polls keeps every poll.
"""

from pathlib import Path

import dagster as dg

from pipelines.orchestrate.run_liveness import is_of_this_location

PRUNED_AT_ONCE = 100
_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def prune_runs(instance: dg.DagsterInstance, job: str, kept: int) -> int:
    """Delete finished runs of a job of polls beyond `kept`: each takes about 200 KB, and polls are frequent."""
    finished = dg.RunsFilter(job_name=job, statuses=_FINISHED)
    records = instance.get_run_records(filters=finished, limit=kept + PRUNED_AT_ONCE)
    ours = [record.dagster_run.run_id for record in records if is_of_this_location(record.dagster_run)]
    for run_id in ours[kept:]:
        instance.delete_run(run_id)
        instance.compute_log_manager.delete_logs(prefix=[run_id])
        _remove_event_file(instance, run_id)
    return len(ours[kept:])


def _remove_event_file(instance: dg.DagsterInstance, run_id: str) -> None:
    # The default storage, SQLite, keeps a file per run, empties it with the run, and leaves it.
    path_of = getattr(instance.event_log_storage, "path_for_shard", None)
    if path_of is not None:
        file = Path(path_of(run_id))
        for leftover in file.parent.glob(f"{file.name}*"):
            leftover.unlink(missing_ok=True)
