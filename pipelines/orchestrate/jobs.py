"""The jobs, and when they run by the clock. When a poll is due by the tasks' own cron belongs to sensors.py."""

from collections.abc import Mapping

import dagster as dg

from pipelines.orchestrate.assets import FILLED_BY_BUILD, asset_key
from pipelines.settings import Settings

POLL = "poll"
NIGHTLY = "nightly"

# A killed run keeps its slot in the pool and stands as started until run monitoring ends it after so long.
_POLL_LIMITS: Mapping[str, str] = {"dagster/max_runtime": "3600"}
_NIGHTLY_LIMITS: Mapping[str, str] = {"dagster/max_runtime": "14400"}

poll_job = dg.define_asset_job(
    POLL,
    selection=(
        dg.AssetSelection.groups("core") - dg.AssetSelection.assets(*map(asset_key, FILLED_BY_BUILD))
    ).without_checks(),
    description="Asks the API once and keeps what it shows. Cheap, often, one step, without checks.",
    run_tags=_POLL_LIMITS,
)

nightly_job = dg.define_asset_job(
    NIGHTLY,
    selection=dg.AssetSelection.all(),
    description="Polls, builds the marts, checks, and publishes if all blocking checks pass.",
    run_tags=_NIGHTLY_LIMITS,
)


def nightly_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Return the schedule of the night, by the settings' clock and zone; on only where RECOUP_SCHEDULES says so."""
    hour, minute = (int(part) for part in settings.nightly_at.split(":"))
    zone = settings.nightly_timezone or settings.reporting_timezone
    on = dg.DefaultScheduleStatus.RUNNING if settings.schedules else dg.DefaultScheduleStatus.STOPPED
    return dg.ScheduleDefinition(
        name="nightly_schedule",
        job=nightly_job,
        cron_schedule=f"{minute} {hour} * * *",
        execution_timezone=zone,
        default_status=on,
        description=f"Every night at {settings.nightly_at} of {zone}.",
    )
