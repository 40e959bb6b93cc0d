"""The jobs, and when they run by the clock. When a poll is due by the tasks' own cron belongs to sensors.py."""

from collections.abc import Mapping

import dagster as dg

from pipelines.orchestrate.assets import FILLED_BY_BUILD, asset_key

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

nightly_schedule = dg.ScheduleDefinition(
    name="nightly_schedule",
    job=nightly_job,
    cron_schedule="0 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night at 02:00 UTC.",
)
