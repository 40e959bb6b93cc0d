"""What recovery asks first, when it stops, and what a budget leaves; attempts that two runs claim."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipelines.ingest import recovery
from pipelines.load.rebuild import rebuild
from pipelines.simulator import Fault, SimTask
from tests.support.bodies import NOON, LoadHarness, iso, run, task
from tests.support.polled_world import HOUR, MINUTE, START, PolledWorld

NINE = NOON.replace(hour=9)


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
    world = PolledWorld(tmp_path, *fleet(), details_per_poll=12, seed=5, past=5 * MINUTE)
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


@pytest.mark.slow
def test_the_order_is_one_list(tmp_path: Path) -> None:
    world = PolledWorld(tmp_path, *fleet(2), details_per_poll=100, seed=5, past=5 * MINUTE)
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


@pytest.mark.slow
def test_a_deleted_tasks_last_window_hides_no_run_in_flight(tmp_path: Path) -> None:
    slow, other = fleet(2, mix={}, duration_ms=(3_000_000, 3_100_000))
    gone = SimTask(task_id=slow.task_id, cron="0 * * * *", duration_ms=(3_000_000, 3_100_000), mix={},
                   deleted_at=START + 2.1 * HOUR)  # fmt: skip
    world = PolledWorld(tmp_path, gone, other, seed=5, past=5 * MINUTE)
    world.poll(2)
    query = "select count(*) from core.runs where task_id = ? and not is_final"
    assert world.rows(query, gone.task_id) == [(1,)]
    last = world.poll(4)
    assert world.rows("select deleted_at is not null from core.tasks where task_id = ?", gone.task_id) == [(True,)]
    assert world.rows(query, gone.task_id) == [(0,)]
    asked = world.rows("select kind from core.responses where poll_id = ? order by response_number", last.poll_id)
    assert [kind for (kind,) in asked][:2] == ["tasks", "run"], "it is asked for itself, not found by a listing"


# ---------- an endpoint in trouble
@pytest.mark.slow
@pytest.mark.parametrize("concurrency", [1, 4])
def test_an_outage_is_noticed_between_two_calls(tmp_path: Path, concurrency: int) -> None:
    world = PolledWorld(tmp_path, *fleet(8), concurrency=concurrency, seed=5, past=5 * MINUTE)
    world.sim.add_fault(Fault(kind="server_error", path="/api/tasks/runs"))
    before = world.sim.request_count
    summary = world.poll(5)
    assert "failures in a row" in (summary.recovery_note or "")
    assert recovery.STOP_AFTER <= summary.details_call_count <= recovery.STOP_AFTER + concurrency
    assert world.sim.request_count - before <= 1 + (recovery.STOP_AFTER + concurrency) * recovery.MOST_TRIES


@pytest.mark.slow
def test_a_listing_that_an_outage_refused_is_asked_for_again(tmp_path: Path) -> None:
    world = PolledWorld(tmp_path, *fleet(1), seed=5, past=5 * MINUTE)
    world.poll(3)
    world.sim.add_fault(Fault(kind="server_error", path="/api/tasks/runs"))
    assert world.poll(14).recovered_run_count == 0
    world.sim.clear_faults()
    assert world.poll(14.2).recovered_run_count == 6


@pytest.mark.slow
def test_a_small_budget_attributes_what_it_cannot_retrieve(tmp_path: Path) -> None:
    world = PolledWorld(tmp_path, *fleet(1), details_per_poll=1, seed=5, past=5 * MINUTE)
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


@pytest.mark.slow
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
