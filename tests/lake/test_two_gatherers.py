"""Two warehouses that gather into one lake: the second is refused in one line, also when both begin at the same instant."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from pipelines.archive.chain import Chain, Head
from pipelines.clock import utc_now
from pipelines.database.sql_text import statement
from pipelines.errors import LakeFailed
from pipelines.lake.connection import open_lake
from pipelines.lake.update import publish_into_lake
from pipelines.lake.writer import Writer
from pipelines.settings import Settings
from tests.lake.conftest import Services
from tests.support.lake_harness import differences, newest_version
from tests.support.publish_harness import publish_as_it_is
from tests.support.repository import ROOT
from tests.support.sharded_homes import Homes, tasks
from tests.support.sharded_world import ShardedWorld
from tests.support.simulator_helpers import PART

PUBLISH = f"""
import json, sys, time
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from pipelines.clock import utc_now
from pipelines.errors import LakeFailed
from pipelines.lake.update import publish_into_lake
from pipelines.settings import Settings
home, go, given = sys.argv[1:]
settings = Settings.load(_env_file=None, home=Path(home), warehouse_dir=Path(home), **json.loads(given))
print("begun", flush=True)
while not Path(go).exists():
    time.sleep(0.001)
try:
    publish_into_lake(settings, utc_now)
except LakeFailed as error:
    print(error, flush=True)
    sys.exit(error.exit_code)
"""
REFUSED = "whose gatherings are others than those of this home; nothing was written"


def gathered(world: ShardedWorld, settings: Settings, hour: float) -> Settings:
    world.gather(settings, hour)
    publish_as_it_is(settings.layout)
    return settings


@pytest.mark.slow
def test_a_second_gatherer_is_refused_until_it_takes_over_and_so_is_a_copy_that_went_on_alone(tmp_path: Path) -> None:
    homes = Homes(ShardedWorld(tmp_path, tasks()), run_details="off")
    world, first = homes.world, homes.gatherer
    second, copy = world.home("second", shards="north"), world.home("copy", shards="north,south")
    world.hand_over(homes.north, 2)
    world.hand_over(homes.south, 2)
    publish_into_lake(gathered(world, first, 2), utc_now)
    before = newest_version(first)
    with pytest.raises(LakeFailed, match=rf"last written from \S+/gatherer, {REFUSED}"):
        publish_into_lake(gathered(world, second, 2), utc_now)
    assert (newest_version(first), differences(first)) == (before, [])

    shutil.copytree(first.layout.root, copy.layout.root, symlinks=True)
    world.hand_over(homes.north, 3)
    publish_into_lake(gathered(world, copy, 3), utc_now)
    with pytest.raises(LakeFailed, match=rf"last written from \S+/copy, {REFUSED}"):
        publish_into_lake(gathered(world, first, 3), utc_now)

    publish_into_lake(second, utc_now, takes_over=True)
    assert differences(second) == []
    with pytest.raises(LakeFailed, match=rf"last written from \S+/second, {REFUSED}"):
        publish_into_lake(first, utc_now)
    assert differences(second) == []


@pytest.mark.slow
@pytest.mark.xdist_group("lake")
def test_of_two_gatherers_that_publish_at_the_same_instant_one_gets_through(services: Services, tmp_path: Path) -> None:
    homes = Homes(ShardedWorld(tmp_path, tasks()), run_details="off")
    homes.world.hand_over(homes.north, 2)
    homes.world.hand_over(homes.south, 2)
    # They hold different rows, so that a mix of both would be equal to neither.
    both = [gathered(homes.world, one, 2) for one in (homes.gatherer, homes.world.home("second", shards="north"))]
    for number in range(max(1, round(5 * PART))):
        places = {**services.new_places(), "lake_data": str(tmp_path / f"data{number}")}
        both = [one.model_copy(update=places) for one in both]
        said = published_at_once(both, places, tmp_path / f"go{number}")
        ended = {code: each for each, (code, _) in enumerate(said)}
        assert ended.keys() == {0, LakeFailed.exit_code}, said
        winner, loser = ended[0], ended[LakeFailed.exit_code]
        words = said[loser][1]
        assert words.count("\n") == 1
        assert "another writer changed the lake" in words or REFUSED in words, words
        assert differences(both[winner]) == []
        with pytest.raises(LakeFailed, match=REFUSED):
            publish_into_lake(both[loser], utc_now)


def published_at_once(homes: Sequence[Settings], places: dict[str, str], go: Path) -> list[tuple[int, str]]:
    """Begin to publish in two processes as nearly at once as can be; return how each ended, and what it said."""
    children = []
    for one in homes:
        given = json.dumps({**places, "shards": ",".join(one.shards), "privacy_key": "k"})
        command = [sys.executable, "-c", PUBLISH, str(one.layout.root), str(go), given]
        children.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "begun\n"
    go.touch()
    said = [child.communicate(timeout=60)[0] for child in children]
    return [(child.returncode, words) for child, words in zip(children, said, strict=True)]


@pytest.mark.slow
@pytest.mark.xdist_group("lake")
def test_of_two_that_sign_at_once_one_commits_even_where_nobody_signed_before(
    services: Services, tmp_path: Path
) -> None:
    settings = services.settings(tmp_path)
    with open_lake(settings) as one, open_lake(settings) as other:
        one.execute(statement("lake", "own_tables"))
        for con, name in ((one, "a"), (other, "b")):
            con.execute("begin")
            Writer(Chain(tmp_path / name), "", Head(1, "a" * 64), name, "the lake", takes_over=False).sign(con)
        one.execute("commit")
        with pytest.raises(duckdb.Error, match="conflict"):
            other.execute("commit")
