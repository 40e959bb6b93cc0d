"""The sensor that notes a night which failed in Dagster, on the same path as the command line's.

What is noted and told belongs to incidents/; nights that end well are noted by their last step.
"""

import dagster as dg

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
        failed = [event.step_key for event in context.get_step_failure_events()]
        if NOTING_STEP not in failed:
            words = f"run {context.dagster_run.run_id} failed in {', '.join(map(str, failed)) or 'its process'}"
            note_night(pipeline.settings, pipeline.clock, Night(), RecoupError(words))

    return look
