"""When a shard is asked to poll, where its run goes, and what one run of it does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from pipelines.clock import fixed
from pipelines.definitions import build_defs
from pipelines.errors import BadSettings
from pipelines.orchestrate.housekeeping import housekeeping
from pipelines.orchestrate.resources import Pipeline
from pipelines.orchestrate.run_liveness import PARTITION_TAG, end_dead_runs, unfinished_runs
from pipelines.orchestrate.shard_jobs import DUE_TAG, NIGHT_OF_SHARD, POLL_SHARD, refuse_another
from pipelines.orchestrate.shard_requests import SENSOR, due, place
from pipelines.settings import Settings
from tests.lake.test_shard import LAKE
from tests.support.dagster_harness import MODELS
from tests.support.lake_harness import ask
from tests.support.repository import ROOT
from tests.support.sharded_homes import Homes, tasks
from tests.support.sharded_world import ShardedWorld

STATUS = dg.DagsterRunStatus


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(_env_file=None, warehouse_dir=tmp_path, **LAKE, shards="north,south", executor="celery")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def look(settings: Settings, instance: dg.DagsterInstance, now: datetime) -> Any:
    """Evaluate the sensor once, and do with partitions as Dagster would."""
    pipeline = Pipeline(settings, MODELS, lambda: now)
    defs = build_defs(settings=settings, models=MODELS)
    context = dg.build_sensor_context(instance=instance, resources={"pipeline": pipeline}, definitions=defs)
    told = defs.resolve_sensor_def(SENSOR)(context)
    for change in getattr(told, "dynamic_partitions_requests", None) or ():
        if isinstance(change, dg.AddDynamicPartitionsRequest):
            instance.add_dynamic_partitions("shards", list(change.partition_keys))
        else:
            for key in change.partition_keys:
                instance.delete_dynamic_partition("shards", key)
    return told


def ran(
    settings: Settings, instance: dg.DagsterInstance, shard: str, status: dg.DagsterRunStatus, **tags: str
) -> dg.DagsterRun:
    job = build_defs(settings=settings, models=MODELS).resolve_job_def(POLL_SHARD)
    return instance.create_run_for_job(job, status=status, tags={PARTITION_TAG: shard, **tags})


def requested(told: Any) -> list[tuple[str, str]]:
    return [(one.partition_key, one.run_key) for one in getattr(told, "run_requests", None) or ()]


def test_each_shard_is_asked_for_once_after_each_run_and_when_that_run_said(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    now = datetime.now(UTC)
    first = look(settings, instance, now)
    assert [one.tags["dagster-celery/queue"] for one in first.run_requests] == ["north", "south"]
    assert instance.get_dynamic_partitions("shards") == ["north", "south"]
    later = now + timedelta(hours=1)
    polled = ran(settings, instance, "north", STATUS.SUCCESS, **{DUE_TAG: later.isoformat()})
    ran(settings, instance, "south", STATUS.STARTED)
    waits = look(settings, instance, now)
    assert "north: next poll at" in str(waits.skip_message)
    assert "has not ended yet" in str(waits.skip_message)
    assert requested(look(settings, instance, later)) == [("north", f"{POLL_SHARD} north after {polled.run_id}")]


def test_one_failure_is_repeated_at_once_and_more_after_pauses_that_grow(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    ran(settings, instance, "north", STATUS.SUCCESS)
    pauses = []
    for _ in range(3):
        ran(settings, instance, "north", STATUS.FAILURE)
        last = instance.get_run_records(dg.RunsFilter(tags={PARTITION_TAG: "north"}))
        at = due(last, settings)
        assert at is not None
        pauses.append((at - last[0].update_timestamp) / timedelta(minutes=1))
    assert pauses == [0, 5, 10]


def test_a_shard_that_is_named_no_more_is_no_partition_any_more(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    look(settings, instance, datetime.now(UTC))
    look(settings.model_copy(update={"shards": ("south",)}), instance, datetime.now(UTC))
    assert instance.get_dynamic_partitions("shards") == ["south"]


def test_runs_of_shards_hold_up_nothing_here_and_are_ended_by_their_own_home_alone(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    run = ran(settings, instance, "north", STATUS.STARTED)
    assert unfinished_runs(instance) == []
    context = dg.build_sensor_context(instance=instance, resources={"pipeline": Pipeline(settings, MODELS)})
    told: Any = housekeeping(MODELS)(context)
    assert "all is told" in told.skip_message
    work = settings.layout.work / "runs"
    work.mkdir(parents=True)
    (work / f"{run.run_id}.lock").touch()
    now = datetime.now(UTC)
    assert end_dead_runs(instance, settings.layout, now, "south") == []
    assert [one.run_id for one in end_dead_runs(instance, settings.layout, now, "north")] == [run.run_id]


def test_a_warehouse_that_gathers_nobody_has_no_jobs_of_shards_and_one_whose_shards_poll_by_themselves_asks_for_none(
    settings: Settings,
) -> None:
    def names(**more: Any) -> set[str]:
        known = build_defs(settings=settings.model_copy(update=more), models=MODELS)
        dg.Definitions.validate_loadable(known)
        repository = known.get_repository_def()
        every: list[Any] = [*repository.get_all_jobs(), *repository.sensor_defs, *repository.schedule_defs]
        return {one.name for one in every}

    ours = {POLL_SHARD, NIGHT_OF_SHARD, SENSOR, "shard_nights"}
    assert ours <= names()
    assert ours & names(executor="in_process") == {POLL_SHARD, NIGHT_OF_SHARD}
    assert ours & names(shards=(), executor="in_process") == set()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"executor": "celery"}, "RECOUP_EXECUTOR says where Dagster runs the polls of shards"),
        ({"executor": "dask", "shards": "a"}, "RECOUP_EXECUTOR"),
    ],
)
def test_an_executor_without_shards_or_an_unknown_one_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(BadSettings, match=told):
        Settings.load(_env_file=None, **LAKE | given)


@pytest.mark.slow
def test_a_night_of_a_shard_hands_over_and_leaves_when_the_next_poll_is_due(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    homes = Homes(ShardedWorld(tmp_path, tasks()), run_details="off")
    at, client = homes.world.at(homes.north, 2)
    instance.add_dynamic_partitions("shards", ["north", "south"])
    defs = build_defs(settings=homes.north, models=MODELS, clock=fixed(at), make_client=lambda *_: client)
    night = defs.resolve_job_def(NIGHT_OF_SHARD)
    done = night.execute_in_process(instance=instance, partition_key="north")
    run = instance.get_run_by_id(done.run_id)
    assert run is not None
    assert datetime.fromisoformat(run.tags[DUE_TAG]) > at
    assert ask(homes.north, "select count(*) > 0 from lake.core.runs") == [(True,)]
    assert homes.north.layout.published_file.exists()


def test_a_run_that_came_to_the_home_of_another_is_refused(settings: Settings) -> None:
    north = settings.model_copy(update={"shard": "north", "shards": ()})
    refuse_another(north, "north")
    for home, told in ((north, "RECOUP_SHARD=north"), (settings, "RECOUP_SHARD=;")):
        with pytest.raises(BadSettings, match=f"is of shard south, and came to a home with {told}"):
            refuse_another(home, "south")


@pytest.mark.slow
def test_in_kubernetes_a_pod_of_a_shard_has_its_own_secret_and_volume_and_not_the_gatherers() -> None:
    from dagster_k8s.container_context import K8sContainerContext
    from dagster_k8s.job import DagsterK8sJobConfig, construct_dagster_k8s_job, get_user_defined_k8s_config

    [deployment] = yaml.safe_load((ROOT / "deploy/kubernetes/values.yaml").read_text())["dagster-user-deployments"][
        "deployments"
    ]
    secrets = [one["name"] for one in deployment["envSecrets"]]
    gatherers = {
        "env_secrets": secrets,
        "volumes": deployment["volumes"],
        "volume_mounts": deployment["volumeMounts"],
    }
    tags = K8sContainerContext(run_k8s_config=get_user_defined_k8s_config(dict(place("k8s", "north_sea"))))
    merged = K8sContainerContext.create_from_config({"k8s": gatherers}).merge(tags)
    config = DagsterK8sJobConfig(job_image="recoup-warehouse:1", dagster_home="/opt/dagster")
    made = construct_dagster_k8s_job(config, ["dagster"], "run", user_defined_k8s_config=merged.run_k8s_config)
    pod = made.to_dict()["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert [one["secret_ref"]["name"] for one in container["env_from"]] == ["recoup-shard-north-sea"]
    [mount] = [one for one in container["volume_mounts"] if one["mount_path"].startswith("/var/lib")]
    [volume] = [one for one in pod["volumes"] if one["name"] == mount["name"]]
    assert volume["persistent_volume_claim"]["claim_name"] == "recoup-shard-north-sea"
