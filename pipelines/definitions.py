"""The graph on one page: which assets, checks, jobs, schedule and sensor there are, and what they are given.

What any of them does belongs to its own module. Loading this reads `sql/` and the settings, nothing else.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import dagster as dg

from pipelines.clock import Clock, utc_now
from pipelines.orchestrate.asset_checks import model_checks
from pipelines.orchestrate.assets import core_assets, mart_assets, published_assets
from pipelines.orchestrate.failure_sensor import night_failed
from pipelines.orchestrate.housekeeping import housekeeping
from pipelines.orchestrate.jobs import NIGHTLY, nightly_job, nightly_schedule, poll_job
from pipelines.orchestrate.resources import Pipeline, pipeline_resource
from pipelines.orchestrate.sensors import poll_cadence
from pipelines.orchestrate.shard_jobs import shard_jobs
from pipelines.orchestrate.shard_requests import shard_schedules, shard_sensors
from pipelines.recoup.client import RecoupClient
from pipelines.report import write_report as write_the_report
from pipelines.settings import Settings
from pipelines.transform.load_models import load_models
from pipelines.transform.model import Model


def build_defs(
    *,
    settings: Settings | None = None,
    models: Sequence[Model] | None = None,
    clock: Clock = utc_now,
    make_client: Callable[[Settings, Clock], RecoupClient] | None = None,
    write_report: Callable[[Path, Path], None] | None = None,
) -> dg.Definitions:
    """Assemble the graph; tests, the command line and the server swap parts by name.

    `write_report(published_file, out)` adds the asset `published/report`, written before the copy goes live.
    """
    models = tuple(load_models() if models is None else models)
    settings = settings or Settings.load()
    pipeline = Pipeline(settings, models, clock, make_client, write_report)
    return dg.Definitions(
        assets=[
            core_assets(models),
            mart_assets(models),
            published_assets(models, with_report=write_report is not None),
        ],
        asset_checks=[model_checks(models)],
        jobs=[poll_job, nightly_job, *shard_jobs(settings)],
        schedules=[nightly_schedule(settings), *shard_schedules(settings)],
        sensors=[poll_cadence(settings), housekeeping(models), night_failed(settings), *shard_sensors(settings)],
        resources={"pipeline": pipeline_resource(pipeline, NIGHTLY)},
        # One process per run: starting processes, not working, would take most of the time.
        executor=dg.in_process_executor,
    )


defs = build_defs(write_report=write_the_report)
