"""What recovery asks first, when it stops, and what the rows of a listing are worth without being retrieved."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.clock import fixed
from pipelines.database.connection import Warehouse
from pipelines.ingest import recovery
from pipelines.ingest.poll import poll
from pipelines.load.poll_rows import PollSummary
from pipelines.load.rebuild import rebuild
from pipelines.recoup.client import RecoupClient
from pipelines.settings import Settings
from pipelines.simulator import Fault, Fleet, SimTask, Simulator, SimulatorTransport
from tests.support.bodies import NOON, LoadHarness, body, iso, run, runs_body, task

START = datetime(2026, 8, 17, tzinfo=UTC)
HOUR = timedelta(hours=1)
NINE = NOON.replace(hour=9)
MINUTE = timedelta(minutes=1)


class World:
    """Several tasks of one account behind the simulated API, and a warehouse that polls it."""

    def __init__(self, folder: Path, *tasks: SimTask, **settings: Any) -> None:
        self.sim = Simulator(Fleet(list(tasks), seed=5, start=START), now=START)
        self.settings = Settings.load(
            warehouse_dir=folder, api_url="http://127.0.0.1", api_key="recoup_sk_simulated", privacy_key="k", **settings
        )

    def poll(self, hours: float) -> PollSummary:
        at = START + hours * HOUR + timedelta(minutes=5)
        self.sim.set_now(at)
        transport = SimulatorTransport(self.sim)
        with RecoupClient(self.settings, clock=fixed(at), transport=transport, sleep=lambda _: None) as client:
            return poll(self.settings, clock=fixed(at), client=client)

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with Warehouse.of(self.settings).write() as con:
            return con.execute(query, list(parameters)).fetchall()

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        with Warehouse.of(self.settings).write() as con:
            names = con.execute("select table_name from duckdb_tables() where schema_name = 'core'").fetchall()
            return {name: sorted(con.execute(f"from core.{name}").fetchall(), key=repr) for (name,) in names}


def fleet(count: int = 6, **fields: Any) -> list[SimTask]:
    mix: Mapping[str, float] = fields.pop("mix", {"failed": 0.3})
    return [
        SimTask(task_id=f"0a81abcb-50cc-411b-935c-{number:012d}", cron=f"{number} * * * *", mix=mix, **fields)
        for number in range(count)
    ]


# ---------- order of the budget
WITHOUT_REASON = """
select count(*)
from core.runs
where outcome = 'failed' and details_observed_at is null and created_at > ?::timestamptz - interval 1 day
"""
GOOD_ONES_ASKED = """
select count(*)
from core.responses as a
inner join core.runs as r on a.request = '/api/tasks/runs?runId=' || r.run_id
where a.poll_id = ? and r.outcome = 'succeeded'
"""


@pytest.mark.slow
def test_every_failure_of_the_last_day_has_its_reason_before_good_runs_get_details(tmp_path: Path) -> None:
    world = World(tmp_path, *fleet(), details_per_poll=12)
    met = 0
    for hours in (5, 11, 18, 18.1, 18.2, 30, 30.1, 30.2, 30.3):
        summary = world.poll(hours)
        without = world.rows(WITHOUT_REASON, START + hours * HOUR)[0][0]
        good_ones = world.rows(GOOD_ONES_ASKED, summary.poll_id)[0][0]
        assert not (without and good_ones), (hours, without, good_ones)
        assert summary.details_call_count <= 12
        met += good_ones
    assert met, "the budget reached the good ones as well"
    assert world.rows("select count(*) from core.missing_runs where recovered_run_id is not null") != [(0,)]


def test_the_order_is_one_list(tmp_path: Path) -> None:
    world = World(tmp_path, *fleet(2), details_per_poll=100)
    world.poll(3)
    summary = world.poll(14)
    asked = world.rows(
        "select a.kind, coalesce(r.outcome, ''), a.response_number from core.responses as a "
        "left join core.runs as r on a.request = '/api/tasks/runs?runId=' || r.run_id "
        "where a.poll_id = ? and a.kind <> 'tasks' order by a.response_number",
        summary.poll_id,
    )
    kinds = [kind if kind == "runs" else outcome for kind, outcome, _ in asked]
    assert kinds.index("runs") == kinds[: kinds.index("runs")].count("failed"), "failures that are known come first"
    after = kinds[kinds.index("runs") + 1 :]
    assert after == sorted(after, key=["failed", "succeeded"].index), "then failures that the listing named"


def test_a_deleted_tasks_last_window_hides_no_run_in_flight(tmp_path: Path) -> None:
    slow, other = fleet(2, mix={}, duration_ms=(3_000_000, 3_100_000))
    gone = SimTask(task_id=slow.task_id, cron="0 * * * *", duration_ms=(3_000_000, 3_100_000), mix={},
                   deleted_at=START + 2.1 * HOUR)  # fmt: skip
    world = World(tmp_path, gone, other)
    world.poll(2)
    query = "select count(*) from core.runs where task_id = ? and not is_final"
    assert world.rows(query, gone.task_id) == [(1,)]
    last = world.poll(4)
    assert world.rows("select deleted_at is not null from core.tasks where task_id = ?", gone.task_id) == [(True,)]
    assert world.rows(query, gone.task_id) == [(0,)]
    asked = world.rows("select kind from core.responses where poll_id = ? order by response_number", last.poll_id)
    assert [kind for (kind,) in asked][:2] == ["tasks", "run"], "it is asked for itself, not found by a listing"


# ---------- an endpoint in trouble
@pytest.mark.parametrize("concurrency", [1, 4])
def test_an_outage_is_noticed_between_two_calls(tmp_path: Path, concurrency: int) -> None:
    world = World(tmp_path, *fleet(8), concurrency=concurrency)
    world.sim.add_fault(Fault(kind="server_error", path="/api/tasks/runs"))
    before = world.sim.request_count
    summary = world.poll(5)
    assert "failures in a row" in (summary.recovery_note or "")
    assert recovery.STOP_AFTER <= summary.details_call_count <= recovery.STOP_AFTER + concurrency
    assert world.sim.request_count - before <= 1 + (recovery.STOP_AFTER + concurrency) * recovery.MOST_TRIES


def test_a_listing_that_an_outage_refused_is_asked_for_again(tmp_path: Path) -> None:
    world = World(tmp_path, *fleet(1))
    world.poll(3)
    world.sim.add_fault(Fault(kind="server_error", path="/api/tasks/runs"))
    assert world.poll(14).recovered_run_count == 0
    world.sim.clear_faults()
    assert world.poll(14.2).recovered_run_count == 6


# ---------- rows of a listing
def watched(
    harness: LoadHarness, listing: list[dict[str, Any]], missing: tuple[str, ...], blind: tuple[str, ...] = ()
) -> None:
    """Two looks: `a` and `b` run every hour; of those in `missing` the run of nine o'clock fell out of the window.

    Of those in `blind` the second look answered nothing.
    """
    first, second = [], []
    for number, task_id in enumerate(("a", "b")):
        old = [run(f"run_{number}_{hour}", NINE.replace(hour=hour)) for hour in (7, 8)]
        new = [run(f"run_{number}_{minute}", NINE + timedelta(minutes=minute)) for minute in (60, 100, 105, 110, 115)]
        new = new if task_id in missing else [run(f"run_{number}_9", NINE), *new[:1]]
        first.append(task(task_id, old[::-1], schedule="0 * * * *"))
        seen = {"recent_runs": [], "trigger_lookup_failed": True} if task_id in blind else {"recent_runs": new[::-1]}
        second.append(task(task_id, schedule="0 * * * *", **seen))
    harness.poll(NINE - 5 * MINUTE, first)
    later = NOON - 5 * MINUTE
    harness.load(harness.archive_poll(later, body(second), runs_body(listing), kinds=("tasks", "runs")))


def listed(run_id: str = "run_lost", at: datetime = NINE, **over: Any) -> dict[str, Any]:
    return run(run_id, at, status="FAILED") | over


@pytest.mark.parametrize(
    ("missing", "listing", "whose", "not_attributed"),
    [
        pytest.param(("a",), [listed()], {"run_lost": "a"}, 0, id="one task missed a run then"),
        pytest.param(("a",), [listed(at=NINE + timedelta(seconds=40))], {"run_lost": "a"}, 0, id="forty seconds off"),
        pytest.param(("a",), [listed(at=NINE + 3 * MINUTE)], {}, 1, id="no tick so near"),
        pytest.param(("a", "b"), [listed()], {}, 1, id="two tasks missed one"),
        pytest.param(("a", "b"), [listed(), listed("run_too")], {}, 2, id="two runs, two tasks: which is whose?"),
        pytest.param(("a",), [listed(), listed("run_too")], {}, 2, id="two runs for one tick"),
        pytest.param(("a",), [listed(tags=["account:other"])], {}, 1, id="another account's run"),
        pytest.param(("a",), [listed(taskIdentifier="create-content")], {}, 0, id="another kind of run"),
        pytest.param((), [listed()], {}, 1, id="nobody misses one"),
        pytest.param((), [listed("run_0_9")], {}, 0, id="known from a window"),
    ],
)
def test_a_listed_run_is_attributed_when_only_one_task_can_have_made_it(
    tmp_path: Path, missing: tuple[str, ...], listing: list[dict[str, Any]], whose: dict[str, str], not_attributed: int
) -> None:
    harness = LoadHarness(tmp_path)
    watched(harness, listing, missing)
    found = harness.rows("select run_id, task_id, outcome, total_cents from core.runs where found_by = 'listing'")
    assert {row["run_id"]: row["task_id"] for row in found} == whose
    assert all(row["outcome"] == "failed" and row["total_cents"] is not None for row in found)
    assert harness.one("select count(*) from core.listed_runs") == not_attributed
    recovered = harness.rows(
        "select recovered_run_id, task_id from core.missing_runs where recovered_run_id is not null"
    )
    assert {row["recovered_run_id"]: row["task_id"] for row in recovered} == whose
    assert harness.replay().dump() == harness.dump()


def test_a_listed_run_may_be_of_a_task_that_nobody_could_look_at(tmp_path: Path) -> None:
    harness = LoadHarness(tmp_path)
    watched(harness, [listed()], missing=("a",), blind=("b",))
    assert harness.rows("select run_id from core.runs where found_by = 'listing'") == []
    assert harness.rows("select run_id, outcome from core.listed_runs") == [{"run_id": "run_lost", "outcome": "failed"}]


def retrieved(task_id: str, **over: Any) -> bytes:
    payload = {"externalId": task_id, "scheduleId": f"sched_{task_id}"}
    return runs_body([listed(attemptCount=3, payload=payload, **over)])


@pytest.mark.parametrize(("says", "still_missing"), [("a", {"b": 0, "a": 0}), ("b", {"a": 1, "b": 0})])
def test_a_retrieval_completes_or_corrects_what_was_attributed(
    tmp_path: Path, says: str, still_missing: dict[str, int]
) -> None:
    harness = LoadHarness(tmp_path)
    watched(harness, [listed()], missing=("a",))
    harness.load(harness.archive_poll(NOON, retrieved(says), kinds=("run",), is_full_scope=False))
    row = harness.rows("select task_id, found_by, attempt_count from core.runs where run_id = 'run_lost'")
    assert row == [{"task_id": says, "found_by": "retrieve", "attempt_count": 3}]
    lost = "select count(*) from core.missing_runs where task_id = ? and tick_at = ? and recovered_run_id is null"
    assert {name: harness.one(lost, name, NINE) for name in still_missing} == still_missing
    counted = harness.rows(
        "select g.gap_id from core.coverage_gaps as g where g.recovered_count <> "
        "(select count(recovered_run_id) from core.missing_runs as m where m.gap_id = g.gap_id)"
    )
    assert counted == []
    assert harness.replay().dump() == harness.dump()


def test_a_run_that_could_not_be_attributed_leaves_the_list_when_it_is_retrieved(tmp_path: Path) -> None:
    harness = LoadHarness(tmp_path)
    watched(harness, [listed()], missing=("a", "b"))
    assert harness.one("select count(*) from core.listed_runs") == 1
    harness.load(harness.archive_poll(NOON, retrieved("b"), kinds=("run",), is_full_scope=False))
    assert harness.one("select count(*) from core.listed_runs") == 0
    assert harness.one("select task_id from core.runs where run_id = 'run_lost'") == "b"


@pytest.mark.slow
def test_a_small_budget_attributes_what_it_cannot_retrieve(tmp_path: Path) -> None:
    world = World(tmp_path, *fleet(1), details_per_poll=1)
    world.poll(3)
    for hours in (14, 14.1, 14.2, 14.3):
        world.poll(hours)
    assert world.rows("select found_by, count(*) from core.runs where found_by <> 'window' group by all order by 1")
    assert world.rows("select count(*) from core.missing_runs where recovered_run_id is null") == [(0,)]
    before = world.dump()
    rebuild(world.settings)
    assert world.dump() == before


# ---------- attempts
def attempt(attempt_id: str, minute: int) -> dict[str, Any]:
    stamp = iso(NINE + minute * MINUTE)
    return {"id": attempt_id, "status": "COMPLETED", "createdAt": iso(NINE), "updatedAt": stamp}


@pytest.mark.parametrize("in_one_poll", [True, False])
def test_an_attempt_that_two_runs_claim_is_one_row_of_the_later_claim(tmp_path: Path, in_one_poll: bool) -> None:
    harness = LoadHarness(tmp_path)
    early = run("run_1", NINE, attempts=[attempt("attempt_1", 1)])
    late = run("run_2", NINE + HOUR, attempts=[attempt("attempt_1", 5)])
    if not in_one_poll:
        harness.poll(NOON - HOUR, [task("a", [early])])
    harness.poll(NOON, [task("a", [late, early] if in_one_poll else [late])])
    assert harness.rows("select attempt_id, run_id from core.attempts") == [
        {"attempt_id": "attempt_1", "run_id": "run_2"}
    ]
