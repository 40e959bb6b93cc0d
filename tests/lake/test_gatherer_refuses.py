"""What a gatherer refuses, in one sentence each, with core left as it was."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from pipelines.database.connection import Warehouse
from pipelines.errors import BadModel, BadSettings, LakeFailed
from pipelines.settings import Settings
from tests.lake.test_shard import LAKE
from tests.support.sharded_homes import Homes, asked, tasks
from tests.support.sharded_world import SOUTH, ShardedWorld


@pytest.mark.slow
def test_shards_that_do_not_belong_together_are_refused_and_core_stays(tmp_path: Path) -> None:
    homes = Homes(ShardedWorld(tmp_path, tasks()), run_details="off")
    world, gatherer = homes.world, homes.gatherer
    with pytest.raises(LakeFailed, match=r"no shard has handed over anything yet \(north, south\)"):
        world.gather(gatherer, 2)
    world.hand_over(homes.north, 2)
    assert "shard south has handed over nothing yet" in str(world.gather(gatherer, 2).error_message)
    before = asked(gatherer, "from core.runs order by run_id")

    other_key = homes.south.model_copy(update={"privacy_key": SecretStr("other")})
    world.hand_over(other_key, 2)
    with pytest.raises(BadSettings, match="shard south hashed by another RECOUP_PRIVACY_KEY"):
        world.gather(gatherer, 2)
    catalog = Path(str(gatherer.lake_catalog)).with_name("catalog-shard-south.ducklake")
    catalog.unlink()
    again = world.home("south_again", SOUTH, shard="south")
    world.poll(again, 2)
    for change, error, told in (
        (
            "update core.polls set source = 'api'",
            BadSettings,
            "simulated and real data, which must not mix: api at south",
        ),
        ("alter table core.runs drop column region", BadModel, "shard south handed over core.runs with other columns"),
    ):
        with Warehouse.of(again).write() as con:
            con.execute(change)
        world.hand_over(again)
        with pytest.raises(error, match=told):
            world.gather(gatherer, 2)
    catalog.unlink()
    world.hand_over(homes.south)
    catalog.with_name("catalog-shard-north.ducklake").unlink()
    with pytest.raises(LakeFailed, match="the lake of shard north is gone, which was gathered before"):
        world.gather(gatherer, 2)
    assert asked(gatherer, "from core.runs order by run_id") == before


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"shards": "a", "shard": "b"}, "RECOUP_SHARDS and RECOUP_SHARD exclude each other"),
        ({"shards": "a,B"}, "RECOUP_SHARDS must be of small letters"),
        ({"shards": "a", "privacy_key": None}, "RECOUP_SHARDS also needs RECOUP_PRIVACY_KEY"),
    ],
)
def test_a_gatherer_without_what_it_needs_is_refused_in_one_sentence(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(BadSettings, match=told):
        Settings.load(_env_file=None, **LAKE | settings)
    assert Settings.load(_env_file=None, **LAKE, shards="a, b,a").shards == ("a", "b")
