"""The simulator's bad days, over real HTTP where the wire matters."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from pipelines.simulator import Fault, Fleet, SimTask, Simulator, SimulatorTransport, serve
from tests.support.simulator_helpers import HEADERS, OTHER_ACCOUNT, OTHER_TASK, START, TASK, at, get, recent, tasks


def two_tasks(shape: Any = "live") -> Simulator:
    """Return a simulator with two hourly tasks of two accounts, some hours after START."""
    first = SimTask(task_id=TASK, cron="0 * * * *", created_at=START)
    second = SimTask(task_id=OTHER_TASK, cron="0 * * * *", account_id=OTHER_ACCOUNT, created_at=START)
    return Simulator(Fleet([first, second], start=START), at(hours=8.5), shape=shape)


@pytest.fixture
def wire() -> Iterator[tuple[Simulator, httpx.Client]]:
    """Yield a served simulator and a client of it."""
    sim = two_tasks()
    with serve(sim) as url, httpx.Client(base_url=url, headers=HEADERS, timeout=5) as client:
        yield sim, client


def test_it_serves_the_same_bytes_over_http(wire: tuple[Simulator, httpx.Client]) -> None:
    sim, client = wire
    answer = client.get("/api/tasks", params={"account_id": OTHER_ACCOUNT})
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == sim.answer("/api/tasks", {"account_id": OTHER_ACCOUNT}, HEADERS).body
    assert client.get("/api/tasks/runs", params={"limit": 5}).json()["status"] == "success"
    assert client.get("/elsewhere").status_code == 404


def test_broken_bodies_on_the_wire(wire: tuple[Simulator, httpx.Client]) -> None:
    sim, client = wire
    whole = client.get("/api/tasks").content
    sim.add_fault(Fault(kind="disconnect", times=1))
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/api/tasks")
    sim.add_fault(Fault(kind="truncated", times=1))
    assert client.get("/api/tasks").content == whole[: len(whole) // 2]
    sim.add_fault(Fault(kind="oversized", times=1, size_bytes=1_000_000))
    assert len(client.get("/api/tasks").content) > 900_000
    sim.add_fault(Fault(kind="slow", times=1, seconds=0.3))
    with pytest.raises(httpx.ReadTimeout):
        client.get("/api/tasks", timeout=0.05)
    assert client.get("/api/tasks").content == whole


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        ("unauthorized", 401, '"error":"Exactly one of'),
        ("unauthorized_message_form", 401, '"message":"Unauthorized"'),
        ("forbidden", 403, "Access denied to specified account_id"),
        ("server_error", 500, "Internal server error"),
        ("upstream_error", 500, "Trigger.dev API error: 429"),
        ("gateway_timeout", 504, "FUNCTION_INVOCATION_TIMEOUT"),
        ("body_too_large", 500, "FUNCTION_RESPONSE_PAYLOAD_TOO_LARGE"),
        ("html", 200, "<!DOCTYPE html>"),
        ("malformed", 200, "{,]"),
        ("empty_body", 200, ""),
        ("error_with_200", 200, '"status":"error"'),
        ("rate_limited", 429, "Rate Limit"),
    ],
)
def test_replaced_answers(kind: str, status: int, text: str) -> None:
    sim = two_tasks()
    sim.add_fault(Fault(kind=kind, times=1))
    answer = sim.answer("/api/tasks", {}, HEADERS)
    assert answer.status == status
    assert text in answer.body.decode()
    assert sim.answer("/api/tasks", {}, HEADERS).status == 200


def test_retry_after_is_optional() -> None:
    sim = two_tasks()
    sim.add_fault(Fault(kind="rate_limited", times=1, retry_after="7"))
    assert sim.answer("/api/tasks", {}, HEADERS).headers == {"Retry-After": "7"}
    sim.add_fault(Fault(kind="rate_limited", times=1))
    assert sim.answer("/api/tasks", {}, HEADERS).headers == {}


def test_faults_keep_to_their_time_account_and_path() -> None:
    sim = two_tasks()
    sim.add_fault(Fault(kind="server_error", from_at=at(hours=9), to_at=at(hours=10), account_id=OTHER_ACCOUNT))
    get(sim, account_id=OTHER_ACCOUNT)
    sim.set_now(at(hours=9))
    get(sim, account_id=OTHER_ACCOUNT, status=500)
    get(sim)
    sim.set_now(at(hours=10))
    get(sim, account_id=OTHER_ACCOUNT)
    sim.add_fault(Fault(kind="runs_refused", status=404))
    get(sim)
    answer = sim.answer("/api/tasks/runs", {}, HEADERS)
    assert (answer.status, answer.content_type) == (404, "text/html"), "a path without code answers with a page"
    sim.clear_faults()
    get(sim, "/api/tasks/runs")


def test_a_silent_outage_looks_like_emptiness_and_the_listing_fails_aloud() -> None:
    sim = two_tasks()
    run_id = recent(sim)[0]["id"]
    sim.add_fault(Fault(kind="silent_outage", to_at=at(hours=9)))
    task = tasks(sim)[0]
    assert (task["recent_runs"], task["upcoming"], task["timezone"]) == ([], [], None)
    assert task["trigger_schedule_id"] is not None
    assert get(sim, "/api/tasks/runs", status=500)["error"] == "Trigger.dev API error: 429"
    get(sim, "/api/tasks/runs", runId=run_id, status=500)
    sim.advance(timedelta(hours=1))
    assert len(recent(sim)) == 5


def test_newer_servers_admit_a_failed_lookup() -> None:
    sim = two_tasks("newest")
    sim.add_fault(Fault(kind="silent_outage", to_at=at(hours=9)))
    assert "trigger_lookup_failed" not in tasks(sim)[0], "a server that says false has read the list"
    sim.clear_faults()
    sim.add_fault(Fault(kind="lookup_failed"))
    task = tasks(sim)[0]
    assert (task["recent_runs"], task["timezone"], task["trigger_lookup_failed"]) == ([], None, True)


def test_a_fault_for_one_task_leaves_the_others() -> None:
    sim = two_tasks()
    sim.add_fault(Fault(kind="silent_outage", task_id=TASK))
    assert recent(sim) == []
    assert len(tasks(sim, account_id=OTHER_ACCOUNT)[0]["recent_runs"]) == 5
    get(sim, "/api/tasks/runs")


def broken(kind: str, shape: Any = "live") -> list[dict[str, Any]]:
    """Return the tasks of an answer with a fault inside."""
    sim = two_tasks(shape)
    sim.add_fault(Fault(kind=kind))
    return tasks(sim)


def test_faults_inside_a_healthy_looking_body() -> None:
    assert broken("schedule_read_failed")[0]["timezone"] is None
    assert len(broken("schedule_read_failed")[0]["recent_runs"]) == 5
    assert broken("newest_run_read_failed")[0]["upcoming"] == []
    assert "priority" in broken("unknown_fields")[0]
    assert "queuePosition" in broken("unknown_fields")[0]["recent_runs"][0]
    assert broken("unknown_status")[0]["recent_runs"][0]["status"] == "HIBERNATING"
    assert broken("bad_run")[0]["recent_runs"][0]["createdAt"] == "yesterday"
    assert broken("bad_run")[0]["recent_runs"][1]["createdAt"].startswith("2026-08-17T07")
    assert broken("bad_task")[0]["id"] is None
    assert broken("bad_status")[0]["recent_runs"][0]["status"] is None
    assert broken("bad_duration")[0]["recent_runs"][0]["durationMs"] == "half a minute"
    assert broken("bad_attempt", "documented")[0]["recent_runs"][0]["attempts"][0]["createdAt"] == "a moment ago"
    assert broken("schedule_in_words")[0]["schedule"] == "every two hours, please"
    assert [task["id"] for task in broken("duplicate_task")] == [TASK, TASK]
    runs = broken("duplicate_run")[0]["recent_runs"]
    assert (runs[0]["id"], len(runs)) == (runs[-1]["id"], 6)
    assert runs[0]["updatedAt"] > runs[-1]["updatedAt"]


def test_the_transport_answers_without_a_socket() -> None:
    sim = two_tasks()
    with httpx.Client(transport=SimulatorTransport(sim), base_url="http://127.0.0.1", headers=HEADERS) as client:
        assert client.get("/api/tasks").json()["tasks"][0]["id"] == TASK
        sim.add_fault(Fault(kind="disconnect", times=1))
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/api/tasks")
    assert sim.request_count == 2


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="earthquake"):
        Fault(kind="earthquake")
