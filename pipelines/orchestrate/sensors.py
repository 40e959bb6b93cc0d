"""The sensor that requests the next poll before the tightest task could overflow the API's window.

How long that is belongs to schedule/poll_interval.py, which knows no Dagster.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from pipelines.orchestrate.history import prune_runs
from pipelines.orchestrate.jobs import POLL, poll_job
from pipelines.orchestrate.resources import Pipeline
from pipelines.orchestrate.run_liveness import unfinished_runs
from pipelines.schedule import poll_interval
from pipelines.schedule.poll_interval import Cadence, NextPoll
from pipelines.settings import Settings

SENSOR = "poll_cadence"
LOOK_EVERY_SECONDS = 30


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


def poll_cadence(settings: Settings) -> dg.SensorDefinition:
    """Return the sensor that polls, switched on only where RECOUP_SCHEDULES says so."""
    on = dg.DefaultSensorStatus.RUNNING if settings.schedules else dg.DefaultSensorStatus.STOPPED
    return dg.sensor(
        name=SENSOR,
        job=poll_job,
        minimum_interval_seconds=LOOK_EVERY_SECONDS,
        default_status=on,
        description="Requests a poll when the task with the shortest cron gap could overflow its window of five runs.",
    )(_look)


def _look(context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.SensorResult | dg.SkipReason:
    """Ask for a poll when it is due and no run is under way; else say what is waited for."""
    settings, now = pipeline.settings, pipeline.clock()
    busy = unfinished_runs(context.instance)
    if busy:
        run = busy[0].dagster_run
        return dg.SkipReason(f"run {run.run_id} of {run.job_name} has not ended yet")
    state, cursor = poll_interval.read_state(settings.layout), PollCursor.read(context.cursor)
    due = next_request(state, cursor, settings)
    if due.due_at is not None and now < due.due_at:
        return dg.SkipReason(f"next poll at {due.due_at:%Y-%m-%d %H:%M:%S} UTC: {due.reason}")
    prune_runs(context.instance, POLL, settings.poll_runs_kept)
    attempt = 1 if cursor is None or cursor.is_answered_by(state) else cursor.attempt + 1
    # The reason goes with the run. A word in the sensor's log would be a file for each tick that nobody removes.
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
