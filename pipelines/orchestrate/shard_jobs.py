"""The jobs of a shard, one partition each: its poll and its night. When they are asked for belongs to shard_requests.py.

A run of them is one process in the shard's own home, with the settings there: on a Celery worker, or in a pod.
"""

import dagster as dg

from pipelines.errors import BadSettings
from pipelines.ingest.poll_words import headline, warnings
from pipelines.load.poll_rows import PollSummary
from pipelines.orchestrate.assets import POLL_RETRIES
from pipelines.orchestrate.resources import Pipeline, told_in_one_line
from pipelines.schedule.poll_interval import next_poll, read_state
from pipelines.settings import Settings

POLL_SHARD = "poll_shard"
NIGHT_OF_SHARD = "night_of_shard"
SHARDS = dg.DynamicPartitionsDefinition(name="shards")
# When the shard is to be polled again: only its own home knows the cron of its tasks.
DUE_TAG, WHY_TAG = "recoup/next_poll_at", "recoup/next_poll_why"
# A run whose process is gone stands as started until then, where nothing else ends it (celery_worker.py does).
_LIMIT = "dagster/max_runtime"


def shard_jobs(settings: Settings) -> list[dg.JobDefinition]:
    """Return the jobs, in a warehouse that gathers shards and in a shard; others have no use for them."""
    return [_poll_job(), _night_job()] if settings.shards or settings.shard else []


def _poll_job() -> dg.JobDefinition:
    @dg.op(name="poll_of_shard", retry_policy=POLL_RETRIES)
    def poll(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
        with told_in_one_line():
            refuse_another(pipeline.settings, context.partition_key)
            summary = pipeline.poll()
        _tell(context, pipeline.settings, summary)

    @dg.job(
        name=POLL_SHARD,
        partitions_def=SHARDS,
        tags={_LIMIT: "3600"},
        description="One poll of a shard, in its own home. It hands nothing over; its night does.",
    )
    def poll_shard() -> None:
        poll()

    return poll_shard


def _night_job() -> dg.JobDefinition:
    @dg.op(name="steps_of_night", retry_policy=POLL_RETRIES)
    def night(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
        with told_in_one_line():
            refuse_another(pipeline.settings, context.partition_key)
            report = pipeline.night()
            report.lake.raise_failure()
        _tell(context, pipeline.settings, report.poll)

    @dg.job(
        name=NIGHT_OF_SHARD,
        partitions_def=SHARDS,
        tags={_LIMIT: "14400"},
        description="The night of a shard, in its own home: poll, build, check, publish, and hand core over in its lake.",
    )
    def night_of_shard() -> None:
        night()

    return night_of_shard


def refuse_another(settings: Settings, shard: str) -> None:
    """Raise BadSettings where the run of a shard has come to the home of another."""
    if settings.shard != shard:
        raise BadSettings(
            f"this run is of shard {shard}, and came to a home with RECOUP_SHARD={settings.shard or ''}; "
            "let its worker listen to the queue of that name alone (docs/shards.md)"
        )


def _tell(context: dg.OpExecutionContext, settings: Settings, summary: PollSummary) -> None:
    """Log what a poll found, and leave on the run when the next one is due."""
    context.log.info(f"{headline(summary)} ({summary.poll_id})")
    for warning in warnings(summary):
        context.log.warning(warning)
    due = next_poll(read_state(settings.layout), settings)
    if due.due_at is not None:
        context.instance.add_run_tags(context.run_id, {DUE_TAG: due.due_at.isoformat(), WHY_TAG: due.reason[:200]})
