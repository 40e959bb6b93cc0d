"""A simulated run lives as a real one: statuses in both dialects, times, costs."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pipelines.simulator import Simulator
from tests.support.simulator_helpers import HELPERS, at, get, one_task, recent, stated

# kind -> every (list, retrieve) pair of statuses the run passes through.
LIVES: dict[str, list[tuple[str, str]]] = {
    "completed": [("QUEUED", "QUEUED"), ("EXECUTING", "DEQUEUED"), ("EXECUTING", "EXECUTING"), ("COMPLETED",) * 2],
    "retried": [("REATTEMPTING", "EXECUTING"), ("COMPLETED", "COMPLETED")],
    "waited": [("FROZEN", "WAITING"), ("COMPLETED", "COMPLETED")],
    "delayed": [("DELAYED", "DELAYED"), ("COMPLETED", "COMPLETED")],
    "pending_version": [("PENDING_VERSION", "PENDING_VERSION"), ("COMPLETED", "COMPLETED")],
    "waiting_for_deploy": [("WAITING_FOR_DEPLOY", "PENDING_VERSION"), ("COMPLETED", "COMPLETED")],
    "failed": [("REATTEMPTING", "EXECUTING"), ("FAILED", "FAILED")],
    "interrupted": [("INTERRUPTED", "FAILED")],
    "crashed": [("CRASHED", "CRASHED")],
    "crashed_before_start": [("CRASHED", "CRASHED")],
    "system_failure": [("SYSTEM_FAILURE", "SYSTEM_FAILURE")],
    "timed_out": [("EXECUTING", "EXECUTING"), ("TIMED_OUT", "TIMED_OUT")],
    "cancelled": [("CANCELED", "CANCELED")],
    "cancelled_in_queue": [("QUEUED", "QUEUED"), ("CANCELED", "CANCELED")],
    "expired": [("QUEUED", "QUEUED"), ("EXPIRED", "EXPIRED")],
}
TRUE_HELPERS = {
    "COMPLETED": {"isCompleted", "isSuccess"},
    "CANCELED": {"isCompleted", "isFailed", "isCancelled"},
    "TIMED_OUT": set(),
    "EXPIRED": set(),
    "FAILED": {"isCompleted", "isFailed"},
    "WAITING": {"isWaiting"},
    "FROZEN": {"isExecuting"},
    "QUEUED": {"isQueued"},
}


def both_views(sim: Simulator) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield the run in the list and by itself, from its first listing to well after its end."""
    for second in (*range(3, 60), *range(60, 900, 20), 3700):
        sim.set_now(at(hours=1, seconds=second))
        listed = recent(sim)[0]
        yield listed, get(sim, "/api/tasks/runs", runId=listed["id"])["runs"][0]


@pytest.mark.parametrize("kind", LIVES)
def test_a_run_goes_through_its_statuses_in_both_dialects(kind: str) -> None:
    seen = []
    for listed, retrieved in both_views(stated(kind, duration_ms=(9_000, 9_000))):
        pair = (listed["status"], retrieved["status"])
        if pair not in seen:
            seen.append(pair)
        for view in (listed, retrieved):
            if view["status"] in TRUE_HELPERS:
                assert {name for name in HELPERS if view[name]} == TRUE_HELPERS[view["status"]]
    expected = LIVES[kind]
    if kind == "completed":  # its queue is shorter than the listing's lag; the first states are seen by id only
        expected = expected[-2:]
    assert [pair for pair in seen if pair in expected] == expected
    assert seen[-1] == expected[-1]


def test_all_seventeen_statuses_occur() -> None:
    seen: set[str] = set()
    for kind in LIVES:
        sim = stated(kind, duration_ms=(9_000, 9_000))
        sim.set_now(at(hours=2))
        run_id = recent(sim)[0]["id"]
        for step in (*range(700, 5_000, 200), *range(5_000, 20_000, 1_000)):
            sim.set_now(at(hours=1) + timedelta(milliseconds=step))
            views = [*get(sim, "/api/tasks/runs", runId=run_id)["runs"], *recent(sim)]
            seen |= {view["status"] for view in views}
    seen |= {"EXPIRED", "TIMED_OUT"}  # later than twenty seconds; asserted above
    assert len(seen) == 17


def test_a_locked_run_has_started_in_lists_but_not_by_itself() -> None:
    sim = stated("delayed")
    sim.set_now(at(hours=2))
    run_id = recent(sim)[0]["id"]
    locked = 0
    for step in range(30_000, 110_000, 200):
        sim.set_now(at(hours=1) + timedelta(milliseconds=step))
        alone = get(sim, "/api/tasks/runs", runId=run_id)["runs"][0]
        if alone["status"] == "DEQUEUED":
            locked += 1
            assert "startedAt" not in alone
            assert recent(sim)[0]["startedAt"] == alone["updatedAt"]
    assert locked


def test_a_run_appears_late_under_its_nominal_time_and_changes_while_it_lives() -> None:
    sim = one_task(cron="0 * * * *", duration_ms=(20_000, 20_000))
    sim.set_now(at(hours=1))
    assert recent(sim)[0]["createdAt"] == "2026-08-17T00:00:00.000Z"
    sim.set_now(at(hours=1, seconds=8))
    live = recent(sim)[0]
    assert live["createdAt"] == "2026-08-17T01:00:00.000Z"
    assert (live["status"], live["costInCents"], live["durationMs"]) == ("EXECUTING", 0, 0)
    assert live["baseCostInCents"] == Decimal("0.0025")
    assert "finishedAt" not in live
    sim.set_now(at(hours=1, minutes=1))
    ended = recent(sim)[0]
    assert ended["updatedAt"] > live["updatedAt"]
    assert (ended["status"], ended["durationMs"], ended["costInCents"]) == ("COMPLETED", 20_000, Decimal("0.0338"))


def test_an_expired_run_never_started_and_costs_nothing() -> None:
    sim = stated("expired")
    sim.set_now(at(hours=2))
    run = recent(sim)[0]
    assert not {"startedAt", "version", "region"} & set(run)
    assert run["finishedAt"] == run["updatedAt"] == run["expiredAt"]
    assert (run["costInCents"], run["baseCostInCents"], run["tags"]) == (0, 0, [])
    assert "finishedAt" not in get(sim, "/api/tasks/runs", runId=run["id"])["runs"][0]


def test_a_wait_is_in_the_span_but_not_in_the_duration() -> None:
    sim = stated("waited", duration_ms=(9_000, 9_000))
    sim.set_now(at(hours=2))
    run = recent(sim)[0]
    span = datetime.fromisoformat(run["finishedAt"]) - datetime.fromisoformat(run["startedAt"])
    assert run["durationMs"] == 9_000
    assert span > timedelta(minutes=2)
