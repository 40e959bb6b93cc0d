"""The sensor that notes a night which failed in Dagster, on the same path as the command line's.

What is noted and told belongs to incidents/; nights that end well are noted by their last step.
"""

import dagster as dg

from pipelines.console.one_line import one_line
from pipelines.errors import RecoupError
from pipelines.incidents.watch import Night, note_night
from pipelines.orchestrate.jobs import nightly_job
from pipelines.orchestrate.resources import Pipeline
from pipelines.settings import Settings

SENSOR = "night_failed"
# This step notes its own end, with the results of its checks.
NOTING_STEP = "publish"


def night_failed(settings: Settings) -> dg.SensorDefinition:
    """Return the sensor; it is on where the schedules are."""
    on = dg.DefaultSensorStatus.RUNNING if settings.schedules else dg.DefaultSensorStatus.STOPPED

    @dg.run_failure_sensor(
        name=SENSOR,
        monitored_jobs=[nightly_job],
        default_status=on,
        description="Notes a night that failed as an incident.",
    )
    def look(context: dg.RunFailureSensorContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
        failed = context.get_step_failure_events()
        if NOTING_STEP not in {event.step_key for event in failed}:
            reasons = "; ".join(map(_reason, failed)) or one_line(context.failure_event.message or "no reason was told")
            words = f"{reasons} (run {context.dagster_run.run_id})"
            note_night(pipeline.settings, pipeline.clock, Night(), RecoupError(words))

    return look


def _reason(failed: dg.DagsterEvent) -> str:
    """Name the step, and our own one line (resources.py) or the kind of error: others' words may hold what is private."""
    data = failed.step_failure_data
    own = data.user_failure_data.description if data.user_failure_data else None
    return f"{failed.step_key}: {own or (data.error.cls_name if data.error else 'failed')}"
