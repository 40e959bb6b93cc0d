"""Two shards polled by two Celery workers; one is killed in mid-poll: its partition runs again, the tables are equal."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from pipelines.clock import utc_now
from pipelines.ingest.poll import poll
from pipelines.lake.gather import gather
from pipelines.lake.update import publish_into_lake
from pipelines.orchestrate.run_liveness import PARTITION_TAG
from pipelines.orchestrate.shard_jobs import DUE_TAG, POLL_SHARD, SHARDS
from pipelines.recoup.client import RecoupClient
from pipelines.simulator import Fault, Fleet, Simulator, SimulatorTransport
from pipelines.simulator.faults import Answer
from pipelines.simulator.server import serve
from tests.support.celery_harness import celery_harness
from tests.support.publish_harness import publish_as_it_is
from tests.support.sharded_homes import asked, tasks
from tests.support.sharded_world import NORTH, SOUTH, ShardedWorld

pytestmark = pytest.mark.slow

SAME = (
    "select run_id, task_id, status, outcome, total_cents from core.runs order by all",
    "select task_id, account_id, title, deleted_at, last_verdict from core.tasks order by all",
    "select task_id, tick_at from core.missing_runs order by all",
)
STATUS = dg.DagsterRunStatus


class Listening(Simulator):
    """The simulated API, which also tells whose tasks were asked for."""

    def __init__(self, fleet: Fleet, now: datetime) -> None:
        super().__init__(fleet, now=now)
        self.asked: set[str | None] = set()

    def answer(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        self.asked.add(query.get("account_id"))
        return super().answer(path, query, headers)


def statuses(instance: dg.DagsterInstance, shard: str) -> list[dg.DagsterRunStatus]:
    """Of the shard's polls, newest first."""
    records = instance.get_run_records(dg.RunsFilter(job_name=POLL_SHARD, tags={PARTITION_TAG: shard}))
    return [record.dagster_run.status for record in records]


def test_a_poller_that_is_killed_in_mid_poll_polls_again_and_the_tables_are_those_of_one_machine(
    tmp_path: Path,
) -> None:
    world, now = ShardedWorld(tmp_path, []), utc_now()
    sim = Listening(Fleet(tasks(), seed=7, start=now - timedelta(hours=6)), now=now)
    sim.add_fault(Fault(kind="slow", account_id=NORTH, seconds=600, times=1))
    with serve(sim) as origin, celery_harness(tmp_path) as (dagster, instance):
        common = {"api_url": origin, "run_details": "off", "executor": "celery"}
        north = world.home("north", NORTH, shard="north", **common)
        south = world.home("south", SOUTH, shard="south", **common)
        gatherer = world.home("gatherer", shards="north,south", poll_interval_min_seconds=30, **common)
        dagster.start_worker(north)
        dagster.start_worker(south)
        dagster.start_daemon(gatherer, RECOUP_SCHEDULES="on")
        dagster.wait("north asks", lambda: NORTH in sim.asked)
        dagster.wait("south has polled", lambda: statuses(instance, "south") == [STATUS.SUCCESS])
        assert statuses(instance, "north") == [STATUS.STARTED]
        assert instance.get_dynamic_partitions(str(SHARDS.name)) == ["north", "south"]

        dagster.kill("north")
        dagster.start_worker(north)
        dagster.wait("it is noticed", lambda: statuses(instance, "north")[-1] is STATUS.FAILURE)
        dagster.wait("north polls again", lambda: statuses(instance, "north")[0] is STATUS.SUCCESS)
        assert statuses(instance, "north") == [STATUS.SUCCESS, STATUS.FAILURE]
        last = instance.get_run_records(dg.RunsFilter(tags={PARTITION_TAG: "north"}), limit=1)[0].dagster_run
        assert DUE_TAG in last.tags

    one = world.home("one", NORTH, SOUTH, run_details="off")
    with RecoupClient(one, clock=utc_now, transport=SimulatorTransport(sim)) as client:
        poll(one, clock=utc_now, client=client)
    for shard in (north, south):
        publish_as_it_is(shard.layout)
        publish_into_lake(shard, utc_now)
    gather(gatherer, clock=utc_now)
    for query in SAME:
        assert asked(gatherer, query) == asked(one, query)
    assert len(asked(one, SAME[0])) > 10
