"""The sensor that requests the next poll before the tightest task could overflow the API's window.

How long that is belongs to schedule/poll_interval.py, which knows no Dagster.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from pipelines.orchestrate.dagster_home import prune_sensor_logs, remove_run_files
from pipelines.orchestrate.jobs import POLL, poll_job
from pipelines.orchestrate.resources import Pipeline
from pipelines.schedule import poll_interval
from pipelines.schedule.poll_interval import Cadence, NextPoll
from pipelines.settings import Settings

SENSOR = "poll_cadence"
LOOK_EVERY_SECONDS = 30
PRUNED_PER_REQUEST = 100

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dataclass(frozen=True, slots=True)
class PollCursor:
    """What the sensor keeps between its looks: the last request, and how many came one after the other without a poll."""

    requested_at: datetime
    attempt: int

    @classmethod
    def read(cls, cursor: str | None) -> "PollCursor | None":
        """Read a cursor; one that is missing or of another version counts as none."""
        try:
            facts: dict[str, Any] = json.loads(cursor or "")
            return cls(datetime.fromisoformat(facts["at"]), int(facts["attempt"]))
        except (ValueError, TypeError, KeyError):
            return None

    def write(self) -> str:
        """Return the cursor's text."""
        return json.dumps({"at": self.requested_at.isoformat(), "attempt": self.attempt})

    def is_answered_by(self, state: Cadence) -> bool:
        """Tell whether a poll began since: if none did, the run broke before it could, or waited in vain."""
        return state.last_poll_at is not None and state.last_poll_at >= self.requested_at


@dg.sensor(
    name=SENSOR,
    job=poll_job,
    minimum_interval_seconds=LOOK_EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests a poll when the task with the shortest cron gap could overflow its window of five runs.",
)
def poll_cadence(
    context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]
) -> dg.SensorResult | dg.SkipReason:
    """Ask for a poll when it is due and no run is under way; else say what is waited for."""
    busy = context.instance.get_run_records(filters=dg.RunsFilter(statuses=_UNFINISHED), limit=1)
    if busy:
        run = busy[0].dagster_run
        return dg.SkipReason(f"run {run.run_id} of {run.job_name} has not ended yet")
    now, settings = pipeline.clock(), pipeline.settings
    state, cursor = poll_interval.read_state(settings.layout), PollCursor.read(context.cursor)
    due = next_request(state, cursor, settings)
    if due.due_at is not None and now < due.due_at:
        return dg.SkipReason(f"next poll at {due.due_at:%Y-%m-%d %H:%M:%S} UTC: {due.reason}")
    pruned_count = prune_poll_runs(context.instance, settings)
    context.log.info(f"polling now: {due.reason}; {pruned_count} old poll runs pruned")
    attempt = 1 if cursor is None or cursor.is_answered_by(state) else cursor.attempt + 1
    request = dg.RunRequest(run_key=f"poll-{due.due_at or now:%Y%m%dT%H%M%S.%f}", tags={"recoup/why": due.reason[:200]})
    return dg.SensorResult(run_requests=[request], cursor=PollCursor(now, attempt).write())


def next_request(state: Cadence, cursor: PollCursor | None, settings: Settings) -> NextPoll:
    """Choose the time of the next request: by the tasks' cron, or later when requests lead to no poll at all."""
    if cursor is None or cursor.is_answered_by(state):
        return poll_interval.next_poll(state, settings)
    seconds = poll_interval.back_off_seconds(cursor.attempt, settings)
    last = cursor.requested_at
    reason = f"request {cursor.attempt} of {last:%Y-%m-%d %H:%M:%S} UTC led to no poll, so after {seconds} s"
    return NextPoll(last + timedelta(seconds=seconds), reason)


def prune_poll_runs(instance: dg.DagsterInstance, settings: Settings) -> int:
    """Delete finished poll runs beyond RECOUP_POLL_RUNS_KEPT from Dagster's history; core.polls keeps what matters.

    A run takes about 200 KB there, and polls are frequent. Dagster deletes the rows and leaves the files.
    """
    finished = dg.RunsFilter(job_name=POLL, statuses=_FINISHED)
    records = instance.get_run_records(filters=finished, limit=settings.poll_runs_kept + PRUNED_PER_REQUEST)
    surplus = records[settings.poll_runs_kept :]
    for record in surplus:
        run_id = record.dagster_run.run_id
        instance.delete_run(run_id)
        remove_run_files(settings.layout.dagster_home, run_id)
    prune_sensor_logs(settings.layout.dagster_home, SENSOR, settings.poll_runs_kept)
    return len(surplus)
