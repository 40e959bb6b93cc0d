"""A shard: a poller whose core goes into a lake of its own, and which no other home can write under the same name."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.clock import utc_now
from pipelines.errors import BadSettings, LakeFailed
from pipelines.lake.shards import HANDED_OVER
from pipelines.lake.update import publish_into_lake
from pipelines.settings import Settings
from tests.lake.conftest import Services
from tests.support.lake_harness import ask
from tests.support.polled_world import HOURLY
from tests.support.publish_harness import publish_as_it_is
from tests.support.sharded_world import ShardedWorld

TABLES = """
select schema_name || '.' || table_name from duckdb_tables()
where database_name = 'lake' and schema_name in ('core', 'marts')
"""
LAKE = {"lake_catalog": "x", "lake_data": "s3://bucket/folder", "privacy_key": "k"}


@pytest.fixture
def world(tmp_path: Path) -> ShardedWorld:
    return ShardedWorld(tmp_path, [HOURLY])


def polled(world: ShardedWorld, settings: Settings, *hours: int) -> None:
    for hour in hours:
        world.poll(settings, hour)
    publish_as_it_is(settings.layout)


def runs(settings: Settings) -> int:
    return int(ask(settings, "select count(*) from lake.core.runs")[0][0])


@pytest.mark.slow
def test_a_shard_hands_over_what_it_polled_and_no_mart_and_only_what_changed(world: ShardedWorld) -> None:
    settings = world.home("a", shard="a")
    polled(world, settings, 2)
    publish_into_lake(settings, utc_now)
    assert {name for (name,) in ask(settings, TABLES)} == HANDED_OVER
    assert runs(settings) == 3  # those of the full hours up to 2
    assert publish_into_lake(settings, utc_now).is_changed is False
    polled(world, settings, 3)
    assert publish_into_lake(settings, utc_now).written_days.keys() >= {"core.runs", "core.polls"}
    assert runs(settings) == 4


@pytest.mark.slow
def test_a_second_poller_of_the_same_name_is_refused_until_it_takes_over(world: ShardedWorld) -> None:
    first, second = world.home("a", shard="a"), world.home("also_a", shard="a")
    polled(world, first, 2)
    polled(world, second, 3)
    publish_into_lake(first, utc_now)
    before = ask(first, "select max(snapshot_id) from lake.snapshots()")
    with pytest.raises(LakeFailed, match=r"the lake of shard a was last written from \S+/a, whose archive is another"):
        publish_into_lake(second, utc_now)
    assert ask(first, "select max(snapshot_id) from lake.snapshots()") == before
    assert runs(first) == 3

    publish_into_lake(second, utc_now, takes_over=True)
    assert runs(first) == 4
    assert publish_into_lake(second, utc_now).is_changed is False
    with pytest.raises(LakeFailed, match="was last written from .*also_a"):
        publish_into_lake(first, utc_now)


@pytest.mark.slow
def test_a_home_that_was_copied_goes_on_in_the_place_of_the_first_but_not_beside_it(world: ShardedWorld) -> None:
    first, copy = world.home("a", shard="a"), world.home("copy", shard="a")
    polled(world, first, 2)
    publish_into_lake(first, utc_now)
    shutil.copytree(first.layout.root, copy.layout.root, symlinks=True)
    polled(world, copy, 3)
    publish_into_lake(copy, utc_now)
    polled(world, first, 4)
    with pytest.raises(LakeFailed, match="whose archive is another"):
        publish_into_lake(first, utc_now)
    assert runs(copy) == 4


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"shard": "North America"}, "RECOUP_SHARD must be of small letters"),
        ({"shard": "a", "privacy_key": None}, "RECOUP_SHARD also needs RECOUP_PRIVACY_KEY, the same for all"),
        ({"shard": "a", "lake_catalog": None, "lake_data": None}, "RECOUP_SHARD also needs RECOUP_LAKE_CATALOG"),
        ({"shard": "a", "lake_data": "s3://bucket/"}, "RECOUP_SHARD also needs a folder in the bucket"),
    ],
)
def test_a_shard_without_what_it_needs_is_refused_in_one_sentence(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(BadSettings, match=told):
        Settings.load(_env_file=None, **LAKE | settings)
    assert Settings.load(_env_file=None, **LAKE, shard="").shard is None


@pytest.mark.slow
@pytest.mark.xdist_group("lake")
def test_in_postgres_and_s3_each_has_a_schema_and_a_folder_and_no_cleaning_takes_the_files_of_others(
    services: Services, tmp_path: Path
) -> None:
    world = ShardedWorld(tmp_path, [HOURLY], **services.new_places())
    settings = world.home("a", shard="a")
    polled(world, settings, 2)
    publish_into_lake(settings, utc_now)
    whole = settings.model_copy(update={"home": tmp_path / "one", "warehouse_dir": tmp_path / "one", "shard": None})
    polled(world, whole, 2, 3)
    publish_into_lake(whole, lambda: utc_now() + timedelta(days=90))
    assert (runs(settings), runs(whole)) == (3, 4)
