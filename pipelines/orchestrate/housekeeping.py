"""The sensor that keeps Dagster's picture true: runs whose process is gone have failed, tables made elsewhere were made.

It asks no network and writes nothing to the warehouse. How to tell that a run is dead belongs to run_liveness.py.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from pipelines.clock import utc_now
from pipelines.database.connection import open_published
from pipelines.orchestrate.assets import PUBLISHED_FILE, REPORT, asset_key
from pipelines.orchestrate.resources import Pipeline
from pipelines.orchestrate.run_liveness import end_dead_runs, unfinished_runs
from pipelines.publish.publisher import published_relations
from pipelines.publish.snapshots import Snapshot, current_snapshot
from pipelines.report.publish_hook import REPORT_NAME
from pipelines.transform.model import Model

SENSOR = "housekeeping"
LOOK_EVERY_SECONDS = 30


def housekeeping(models: Sequence[Model]) -> dg.SensorDefinition:
    """Return the sensor; it is always on, since without it a killed run would hold up all others for hours."""

    def look(
        context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]
    ) -> dg.SensorResult | dg.SkipReason:
        dead = end_dead_runs(context.instance, pipeline.settings.layout, utc_now())
        if dead:
            return dg.SkipReason(f"ended as failed, their process is gone: {', '.join(run.run_id for run in dead)}")
        snapshot = current_snapshot(pipeline.settings.layout)
        if snapshot is None:
            return dg.SkipReason("all is told: nothing is published yet")
        if context.cursor == str(snapshot.number) or _last_told(context.instance) == snapshot.number:
            return dg.SkipReason(f"all is told: snapshot {snapshot.number} is published")
        if unfinished_runs(context.instance):
            return dg.SkipReason("a run is under way, which will tell what it published")
        return dg.SensorResult(asset_events=list(_made(snapshot, models, pipeline)), cursor=str(snapshot.number))

    return dg.sensor(
        name=SENSOR,
        minimum_interval_seconds=LOOK_EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Ends runs whose process is gone, and shows what the command line published.",
    )(look)


def _last_told(instance: dg.DagsterInstance) -> int | None:
    event = instance.get_latest_materialization_event(PUBLISHED_FILE)
    materialization = event.asset_materialization if event else None
    number = materialization.metadata.get("snapshot") if materialization else None
    return number.value if isinstance(number, dg.IntMetadataValue) else None


def _made(snapshot: Snapshot, known: Sequence[Model], pipeline: Pipeline) -> Iterator[dg.AssetMaterialization]:
    published_at = dg.MetadataValue.timestamp(snapshot.published_at)
    with open_published(pipeline.settings.layout) as con:
        published = set(published_relations(con))
    for model in known:
        if model.relation in published:
            row_count = snapshot.row_counts.get(model.relation)  # nobody counts the rows of a view
            counted = {} if row_count is None else {"dagster/row_count": row_count}
            yield _event(asset_key(model.key), {**counted, "published_at": published_at})
    if (snapshot.path.parent / REPORT_NAME).exists() and pipeline.write_report is not None:
        yield _event(REPORT, {"published_at": published_at})
    # Last: it says that this snapshot is told.
    yield _event(
        PUBLISHED_FILE,
        {"snapshot": snapshot.number, "bytes": snapshot.bytes, "published_at": published_at},
    )


def _event(key: dg.AssetKey, metadata: dict[str, dg.MetadataValue | int]) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(key, description="Made by the command line.", metadata=metadata)
