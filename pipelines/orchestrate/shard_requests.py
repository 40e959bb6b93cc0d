"""Asks for the polls and nights of shards, in the warehouse that gathers them; where they run, RECOUP_EXECUTOR says.

What a run does belongs to shard_jobs.py. Nothing here looks into the home of a shard, which is elsewhere.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from pipelines.orchestrate.history import prune_runs
from pipelines.orchestrate.resources import Pipeline
from pipelines.orchestrate.run_liveness import PARTITION_TAG, UNFINISHED, is_of_this_location
from pipelines.orchestrate.shard_jobs import DUE_TAG, NIGHT_OF_SHARD, POLL_SHARD, SHARDS
from pipelines.schedule.poll_interval import back_off_seconds
from pipelines.settings import Settings

SENSOR, SCHEDULE = "shard_polls", "shard_nights"
LOOK_EVERY_SECONDS = 30
FAILURES_COUNTED = 10
# The gatherer's night must find what the shards' nights handed over.
EARLIER = timedelta(hours=1)


def shard_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """Return the sensor that asks for polls, where something else than the shards' own clocks is to do so."""
    if not _asks(settings):
        return []
    on = dg.DefaultSensorStatus.RUNNING if settings.schedules else dg.DefaultSensorStatus.STOPPED
    sensor = dg.sensor(
        name=SENSOR,
        job_name=POLL_SHARD,
        minimum_interval_seconds=LOOK_EVERY_SECONDS,
        default_status=on,
        description="Keeps a partition for each of RECOUP_SHARDS, and requests its poll when its last one says so.",
    )
    return [sensor(_look)]


def shard_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """Return the schedule of the shards' nights: an hour before the gatherer's own."""
    if not _asks(settings):
        return []
    hour, minute = (int(part) for part in settings.nightly_at.split(":"))
    on = dg.DefaultScheduleStatus.RUNNING if settings.schedules else dg.DefaultScheduleStatus.STOPPED
    zone = settings.nightly_timezone or settings.reporting_timezone

    def nights(context: dg.ScheduleEvaluationContext) -> Sequence[dg.RunRequest]:
        known = context.instance.get_dynamic_partitions(str(SHARDS.name))
        night = f"{context.scheduled_execution_time:%Y%m%d}"
        return [_request(settings, NIGHT_OF_SHARD, shard, night) for shard in settings.shards if shard in known]

    return [
        dg.ScheduleDefinition(
            name=SCHEDULE,
            job_name=NIGHT_OF_SHARD,
            cron_schedule=f"{minute} {(hour - EARLIER // timedelta(hours=1)) % 24} * * *",
            execution_timezone=zone,
            default_status=on,
            execution_fn=nights,
            description=f"Every night an hour before {settings.nightly_at} of {zone}, when the gatherer begins.",
        )
    ]


def _asks(settings: Settings) -> bool:
    return bool(settings.shards) and settings.executor != "in_process"


def _look(context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.SensorResult | dg.SkipReason:
    """Ask for each poll that is due; say of the others what is waited for."""
    settings, instance, now = pipeline.settings, context.instance, pipeline.clock()
    known = set(instance.get_dynamic_partitions(str(SHARDS.name)))
    requests, waiting = list[dg.RunRequest](), list[str]()
    for shard in settings.shards:
        last = _last_runs(instance, shard)
        due_at = due(last, settings)
        if due_at is None:
            waiting.append(f"{shard}: run {last[0].dagster_run.run_id} has not ended yet")
        elif now < due_at:
            waiting.append(f"{shard}: next poll at {due_at:%Y-%m-%d %H:%M:%S} UTC")
        else:
            # One request for each run that ended: a second look at the same state asks for nothing new.
            after = last[0].dagster_run.run_id if last else "nothing"
            requests.append(_request(settings, POLL_SHARD, shard, f"after {after}"))
    added, gone = sorted({*settings.shards} - known), sorted(known - {*settings.shards})
    if not (requests or added or gone):
        return dg.SkipReason("; ".join(waiting))
    prune_runs(instance, POLL_SHARD, settings.poll_runs_kept * len(settings.shards))
    return dg.SensorResult(
        run_requests=requests,
        dynamic_partitions_requests=[SHARDS.build_add_request(added), SHARDS.build_delete_request(gone)],
    )


def due(last: Sequence[dg.RunRecord], settings: Settings) -> datetime | None:
    """Tell when a shard is to be polled next, from its last runs, newest first; None while one is under way.

    What succeeded has left the time. One that failed (killed, as a rule) is repeated at once, then after pauses that grow.
    """
    if not last:
        return datetime.min.replace(tzinfo=UTC)
    newest = last[0].dagster_run
    if newest.status in UNFINISHED:
        return None
    if newest.status is dg.DagsterRunStatus.SUCCESS and DUE_TAG in newest.tags:
        return datetime.fromisoformat(newest.tags[DUE_TAG])
    failed = next((count for count, one in enumerate(last) if one.dagster_run.is_success), len(last))
    pause = back_off_seconds(failed - 2, settings) if failed > 1 else 0
    return last[0].update_timestamp + timedelta(seconds=pause)


def _last_runs(instance: dg.DagsterInstance, shard: str) -> Sequence[dg.RunRecord]:
    records = instance.get_run_records(filters=dg.RunsFilter(tags={PARTITION_TAG: shard}), limit=FAILURES_COUNTED)
    return [record for record in records if is_of_this_location(record.dagster_run)]


def _request(settings: Settings, job: str, shard: str, which: str) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{job} {shard} {which}", job_name=job, partition_key=shard, tags=place(settings.executor, shard)
    )


def place(executor: str, shard: str) -> Mapping[str, str]:
    """Return the tags by which Dagster's run launcher brings a run into the home of its shard."""
    if executor == "celery":
        return {"dagster-celery/queue": shard}
    name = f"recoup-shard-{shard.replace('_', '-')}"
    home = "/var/lib/recoup-warehouse/warehouse"
    pod = {
        # In place of the gatherer's own secret and volume, which its chart gives to all runs.
        "merge_behavior": "SHALLOW",
        "container_config": {
            "env_from": [{"secret_ref": {"name": name}}],
            "volume_mounts": [{"name": "home", "mount_path": home}],
        },
        "pod_spec_config": {"volumes": [{"name": "home", "persistent_volume_claim": {"claim_name": name}}]},
    }
    return {"dagster-k8s/config": json.dumps(pod)}
