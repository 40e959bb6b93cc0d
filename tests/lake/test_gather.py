"""Shards gathered are one machine: the same rows in core and in every mart, whatever moves, fails or is killed."""

import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from pipelines.cli.main import run
from pipelines.database.connection import open_published
from pipelines.errors import BadSettings, PartialPoll, Unreachable
from pipelines.simulator import Fault
from tests.lake.conftest import Services
from tests.support.polled_world import HOUR, START
from tests.support.repository import ROOT
from tests.support.sharded_homes import TASKS, Homes, asked, tasks, unnamed
from tests.support.sharded_world import NORTH, SOUTH, ShardedWorld, differing
from tests.support.simulator_helpers import PART

HAND_OVER = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from tests.support.sharded_homes import Homes, ShardedWorld, tasks
homes = Homes(ShardedWorld(Path(sys.argv[1]), tasks()), run_details="off")
print("begun", flush=True)
homes.world.hand_over(homes.south, float(sys.argv[2]))
"""
# What must come out the same however often one of the pollers was killed.
ALL_RUNS = (
    "select run_id, task_id, status, outcome, total_cents from core.runs order by all",
    "select task_id, observed_until_at, deleted_at, last_verdict from core.tasks order by all",
    "select task_id, tick_at, recovered_run_id from core.missing_runs order by all",
)


@pytest.fixture
def homes(tmp_path: Path) -> Homes:
    return Homes(ShardedWorld(tmp_path, tasks()), run_details="off")


@pytest.mark.slow
def test_a_task_that_moved_to_another_shard_is_one_task_and_its_runs_are_counted_once(homes: Homes) -> None:
    world = homes.world
    world.poll(homes.north, 2)
    world.move(TASKS[0], SOUTH)
    world.poll(homes.north, 6)
    world.poll(homes.south, 6)
    lost = "select count(*) from core.missing_runs"
    assert asked(homes.north, lost) == [(4,)]  # as a deletion, since none of it is seen there any more
    homes.merge_work_files()
    assert asked(homes.gatherer, lost) == [(0,)]
    moved = f"where task_id = '{TASKS[0]}'"
    assert asked(homes.gatherer, f"select account_id, deleted_at from core.tasks {moved}") == [(SOUTH, None)]
    versions = f"select version_number, changed_columns from core.task_versions {moved} order by all"
    assert asked(homes.gatherer, versions) == [(1, []), (2, ["account_id"])]
    assert asked(homes.gatherer, f"select count(*), count(distinct run_id) from core.runs {moved}") == [(7, 7)]
    ids = asked(homes.gatherer, "select split_part(poll_id, '@', 2) from core.polls order by poll_id")
    assert ids == [("north",), ("north",), ("south",)]


@pytest.mark.slow
def test_any_history_of_moves_losses_and_outages_is_that_of_one_machine(homes: Homes) -> None:
    world = homes.world
    homes.poll(2, 6)
    world.move(TASKS[0], SOUTH)  # seen by both windows
    world.move(TASKS[1], SOUTH)
    assert homes.merge(10) == {}
    world.move(TASKS[3], NORTH)  # ten hours later: runs are lost between the two windows
    assert homes.merge(20) == {}
    lost = f"select cause, runs_missing_count from core.coverage_gaps where task_id = '{TASKS[3]}'"
    assert asked(homes.gatherer, lost) == [("window_overflow", 5)]
    world.move(TASKS[0], NORTH)  # and back
    homes.poll(23)
    world.sim.add_fault(
        Fault(kind="gateway_timeout", account_id=SOUTH, from_at=START + 24 * HOUR, to_at=START + 36 * HOUR)
    )
    world.poll(homes.one, 30)
    world.poll(homes.north, 30)
    with pytest.raises(Unreachable):
        world.poll(homes.south, 30)
    assert homes.merge() == {}
    assert homes.merge(40) == {}
    assert ("source_outage",) in asked(homes.gatherer, "select cause from core.coverage_gaps")


@pytest.mark.slow
def test_a_night_tells_the_same_in_every_mart_and_a_silent_shard_is_unknown_and_never_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    homes = Homes(ShardedWorld(tmp_path, tasks()), details_per_poll=1000)
    world, gatherer = homes.world, homes.gatherer
    homes.poll(2)
    world.move(TASKS[0], SOUTH)
    world.night(homes.one, 8)
    world.hand_over(homes.north, 8)
    world.hand_over(homes.south, 8)
    world.night(gatherer, 8)
    one, other = homes.one.layout.published_file, gatherer.layout.published_file
    assert unnamed(differing(one, other, ["core", "marts"])) == {}

    world.hand_over(homes.north, 36)
    report = world.night(gatherer, 36)
    with pytest.raises(
        PartialPoll, match=r"shard south has handed over nothing since its poll of 2026-08-17 08:10:00 UTC"
    ):
        report.poll.raise_partial()
    assert "polls_are_stale" in {check.name for check in report.checks if not check.passed}
    with open_published(gatherer.layout) as con:
        told = con.execute(
            "select tasks.account_id, tasks.deleted_at, coverage.is_open_ended, count(*) from core.tasks as tasks "
            "join marts.window_coverage as coverage using (task_id) where window_days = 7 group by all order by all"
        ).fetchall()
    assert told == [(NORTH, None, False, 2), (SOUTH, None, True, 4)]

    for name in ("shards", "lake_catalog", "lake_data", "privacy_key"):
        value = getattr(gatherer, name)
        monkeypatch.setenv(
            f"RECOUP_{name.upper()}", "north,south" if name == "shards" else "k" if name == "privacy_key" else value
        )
    monkeypatch.setenv("RECOUP_HOME", str(gatherer.home))
    monkeypatch.setenv("RECOUP_WAREHOUSE_DIR", str(gatherer.layout.root))
    assert run(["explain", "marts.failure_rates_daily", "date=2026-08-17", f"task_id={TASKS[4]}"]) == 0
    assert "the archive is at the shard that polled; the same command tells it there: south" in capsys.readouterr().out
    for command in (
        ["rebuild"],
        ["verify"],
        ["poll", "--accept-deletions"],
        ["query", "--as-of", "2026-08-18", "select 1"],
    ):
        assert run(command) == BadSettings.exit_code
        assert "gathers the shards north, south, and their archives are there" in capsys.readouterr().err


@pytest.mark.slow
def test_a_poller_killed_at_any_instant_leaves_what_it_handed_over_or_all_that_is_new(
    homes: Homes, tmp_path: Path
) -> None:
    dice = random.Random(20260817)
    homes.world.hand_over(homes.north, 0)
    homes.world.hand_over(homes.south, 0)
    homes.world.gather(homes.gatherer, 0)
    kept: set[object] = set()
    kills = max(2, round(8 * PART))
    for hour in range(1, kills + 1):
        child = subprocess.Popen([sys.executable, "-c", HAND_OVER, str(tmp_path), str(hour)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        assert child.stdout.readline() == b"begun\n"
        with suppress(subprocess.TimeoutExpired):
            child.wait(dice.uniform(0, 4))
        child.kill()
        child.communicate()
        homes.world.gather(homes.gatherer, hour)
        assert asked(homes.gatherer, "select count(*), count(deleted_at) from core.tasks") == [(6, 0)]
        now = {run_id for (run_id,) in asked(homes.gatherer, "select run_id from core.runs")}
        assert kept <= now
        kept = now
        # Five runs are all that a look shows, so nobody stays away for longer.
        homes.world.poll(homes.north, hour)
        homes.world.hand_over(homes.south, hour + 0.5)
    for hour in range(kills + 2):
        homes.world.poll(homes.one, hour)
    homes.world.poll(homes.north, kills + 1)
    homes.world.poll(homes.south, kills + 1)
    homes.merge_work_files()
    for query in ALL_RUNS:
        assert asked(homes.gatherer, query) == asked(homes.one, query)


@pytest.mark.slow
@pytest.mark.xdist_group("lake")
def test_shards_meet_in_postgres_and_s3(services: Services, tmp_path: Path) -> None:
    homes = Homes(ShardedWorld(tmp_path, tasks(), **services.new_places()), run_details="off")
    homes.world.hand_over(homes.north, 1)
    assert homes.world.gather(homes.gatherer, 1).status == "partial"
    homes.world.poll(homes.one, 1)
    homes.world.poll(homes.south, 1)
    homes.world.move(TASKS[3], NORTH)
    assert homes.gather(5) == {}
