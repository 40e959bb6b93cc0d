"""The simulated API behaves like the real one: windows, schedules, scope, credentials, listing."""

import json
from datetime import datetime

import pytest

from pipelines.simulator import Fleet, SimRun, SimTask, Simulator
from tests.support.simulator_helpers import (
    HEADERS,
    KEY,
    OTHER_ACCOUNT,
    OTHER_TASK,
    START,
    TASK,
    at,
    get,
    one_task,
    recent,
    tasks,
)


def test_the_window_holds_five_runs_newest_first() -> None:
    sim = one_task(cron="0 * * * *")
    sim.set_now(at(hours=12, minutes=30))
    created = [run["createdAt"] for run in recent(sim)]
    assert created == [f"2026-08-17T{hour:02d}:00:00.000Z" for hour in (12, 11, 10, 9, 8)]


def test_the_window_ends_after_seven_days() -> None:
    sim = one_task(cron="0 9 1,17 * *", created_at=at(days=-1))
    sim.set_now(at(days=7, hours=8.9))
    assert len(recent(sim)) == 1
    sim.set_now(at(days=7, hours=9.1))
    assert (recent(sim), tasks(sim)[0]["upcoming"], tasks(sim)[0]["timezone"]) == ([], [], "UTC")


def test_a_replaced_schedule_hides_the_older_runs() -> None:
    sim = one_task(cron="0 * * * *", enabled=((START, at(hours=4.5)), (at(hours=6.5), None)))
    sim.set_now(at(hours=4.25))
    first = tasks(sim)[0]
    sim.set_now(at(hours=5))
    off = tasks(sim)[0]
    assert (off["enabled"], off["trigger_schedule_id"], off["timezone"]) == (False, None, None)
    assert (off["recent_runs"], off["upcoming"]) == ([], [])
    sim.set_now(at(hours=7.25))
    second = tasks(sim)[0]
    assert second["trigger_schedule_id"] not in (None, first["trigger_schedule_id"])
    assert [run["createdAt"] for run in second["recent_runs"]] == ["2026-08-17T07:00:00.000Z"]
    listed = get(sim, "/api/tasks/runs", limit="100")["runs"]
    hours = [run["createdAt"][11:13] for run in listed if run["taskIdentifier"] == "customer-prompt-task"]
    assert hours == ["07", "04", "03", "02", "01", "00"]
    old = get(sim, "/api/tasks/runs", runId=first["recent_runs"][0]["id"])["runs"][0]
    assert "schedule" not in old
    assert old["payload"]["externalId"] == TASK
    assert old["payload"]["scheduleId"] == first["trigger_schedule_id"]


def test_a_changed_cron_keeps_the_schedule_and_leaves_upcoming_stale_until_the_next_run() -> None:
    sim = one_task(cron="0 9 * * *", changes=((at(hours=10), {"cron": "0 12 * * *", "title": "Noon"}),))
    sim.set_now(at(hours=9.5))
    before = tasks(sim)[0]
    sim.set_now(at(hours=11))
    changed = tasks(sim)[0]
    assert (changed["schedule"], changed["title"]) == ("0 12 * * *", "Noon")
    assert changed["trigger_schedule_id"] == before["trigger_schedule_id"]
    assert changed["upcoming"] == before["upcoming"]
    sim.set_now(at(hours=12.5))
    assert tasks(sim)[0]["upcoming"][0] == "2026-08-18T12:00:00.000Z"
    assert len(tasks(sim)[0]["upcoming"]) == 10
    assert [run["createdAt"][11:13] for run in recent(sim)] == ["12", "09"]


def test_a_deleted_task_is_gone_but_its_runs_stay_in_the_listing() -> None:
    sim = one_task(cron="0 * * * *", deleted_at=at(hours=3.5))
    sim.set_now(at(hours=3.6))
    assert tasks(sim) == []
    runs = get(sim, "/api/tasks/runs", limit="100")["runs"]
    assert "2026-08-17T03:00:00.000Z" in {run["createdAt"] for run in runs}


def test_a_null_enabled_task_still_runs() -> None:
    sim = one_task(cron="0 * * * *", enabled_is_null=True)
    sim.set_now(at(hours=1.5))
    assert (tasks(sim)[0]["enabled"], len(recent(sim))) == (None, 2)
    assert tasks(sim, enabled="true") == []  # the SQL filter leaves null rows out


def two_accounts(*, is_admin: bool = True) -> Simulator:
    """Return a simulator with a task in each of two accounts."""
    mine = SimTask(task_id=TASK, cron="0 * * * *", created_at=at(days=-2))
    other = SimTask(task_id=OTHER_TASK, cron="0 * * * *", account_id=OTHER_ACCOUNT, created_at=at(days=-1))
    newer = SimTask(task_id="1851b52a-740f-4465-89c3-e87d01dc234d", artist_account_id=OTHER_ACCOUNT, created_at=START)
    sim = Simulator(Fleet([mine, other, newer], start=START), is_admin=is_admin)
    sim.set_now(at(hours=2.5))
    return sim


def test_filters_and_scope_of_an_admin() -> None:
    sim = two_accounts()
    assert [task["id"][:4] for task in tasks(sim)] == ["1851", "0a81"]
    assert [task["id"] for task in tasks(sim, account_id=OTHER_ACCOUNT)] == [OTHER_TASK]
    assert [task["id"] for task in tasks(sim, id=OTHER_TASK)] == [OTHER_TASK]
    assert tasks(sim, id=OTHER_TASK, account_id="848cd58d-700f-4b38-ab4c-d9f52a1b2c3d") == []
    assert [task["id"][:4] for task in tasks(sim, artist_account_id=OTHER_ACCOUNT)] == ["1851"]
    assert tasks(sim, account_id="99999999-2222-4333-8444-555555555555") == []
    assert len(tasks(sim, enabled="false")) == 2  # any text means true
    assert tasks(sim, enabled="") == []
    error = get(sim, status=500, id="abc")["error"]
    assert error == 'Failed to fetch scheduled actions: invalid input syntax for type uuid: "abc"'


def test_scope_of_a_key_that_is_no_admin() -> None:
    sim = two_accounts(is_admin=False)
    refused = {"status": "error", "error": "Access denied to specified account_id"}
    assert get(sim, status=403, account_id=OTHER_ACCOUNT) == refused
    assert get(sim, "/api/tasks/runs", status=403, account_id=OTHER_ACCOUNT) == refused
    assert tasks(sim, id=OTHER_TASK) == []
    assert len(tasks(sim)) == 2


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, {"status": "error", "error": "Exactly one of x-api-key or Authorization must be provided"}),
        (
            {"x-api-key": KEY, "authorization": f"Bearer {KEY}"},
            {"status": "error", "error": "Exactly one of x-api-key or Authorization must be provided"},
        ),
        ({"x-api-key": "wrong"}, {"status": "error", "message": "Unauthorized"}),
        ({"authorization": "Bearer wrong"}, {"status": "error", "message": "Unauthorized"}),
        (
            {"authorization": KEY},
            {"status": "error", "message": "Authorization header with Bearer token required"},
        ),
    ],
)
def test_refused_credentials(headers: dict[str, str], body: dict[str, str]) -> None:
    answer = two_accounts().answer("/api/tasks", {}, headers)
    assert (answer.status, json.loads(answer.body)) == (401, body)


def test_a_bearer_key_is_accepted() -> None:
    assert two_accounts().answer("/api/tasks", {}, {"authorization": f"Bearer {KEY}"}).status == 200


def test_the_listing_misses_what_never_tagged_itself() -> None:
    kinds = ["completed", "expired", "cancelled_in_queue", "crashed_before_start", "failed", "crashed"]
    runs = tuple(SimRun(created_at=at(hours=number), kind=kind) for number, kind in enumerate(kinds))
    sim = one_task(cron="0 * * * *", runs=runs)
    sim.set_now(at(hours=7))
    listed = get(sim, "/api/tasks/runs", limit="100")["runs"]
    own = [run for run in listed if run["taskIdentifier"] == "customer-prompt-task"]
    assert [run["status"] for run in own] == ["CRASHED", "FAILED", "COMPLETED"]
    assert all(run["tags"] == ["account:848cd58d-700f-4b38-ab4c-d9f52a1b2c3d"] for run in listed)
    foreign = [run for run in listed if run["taskIdentifier"] != "customer-prompt-task"]
    assert foreign
    alone = get(sim, "/api/tasks/runs", runId=foreign[0]["id"])["runs"][0]
    assert "externalId" not in alone["payload"]
    assert alone["idempotencyKey"] != foreign[0]["idempotencyKey"]


def test_limits_of_the_listing() -> None:
    sim = one_task(cron="*/15 * * * *")
    sim.set_now(at(days=2))
    assert len(get(sim, "/api/tasks/runs")["runs"]) == 20
    assert len(get(sim, "/api/tasks/runs", limit="100")["runs"]) == 100
    too_big = {"status": "error", "error": "Too big: expected number to be <=100"}
    assert get(sim, "/api/tasks/runs", status=400, limit="101") == too_big
    assert get(sim, "/api/tasks/runs", status=400, limit="0")["error"].startswith("Too small")
    assert get(sim, "/api/tasks/runs", status=500, runId="run_unknown") == {"status": "error", "error": "Not found"}


def test_the_same_seed_gives_the_same_bytes_whatever_was_asked_before() -> None:
    def body(sim: Simulator, instant: datetime) -> bytes:
        sim.set_now(instant)
        return sim.answer("/api/tasks", {}, HEADERS).body

    first = Simulator(Fleet.demo(seed=7, start=START))
    second = Simulator(Fleet.demo(seed=7, start=START))
    other = Simulator(Fleet.demo(seed=8, start=START))
    instants = [at(hours=hour, seconds=20) for hour in (3, 90, 12, 5)]
    assert [body(first, i) for i in instants] == [body(second, i) for i in reversed(instants)][::-1]
    assert body(first, instants[0]) != body(other, instants[0])


def test_stated_runs_need_a_schedule_and_known_words() -> None:
    with pytest.raises(ValueError, match="no schedule exists"):
        one_task(enabled=(), runs=(SimRun(created_at=START),)).answer("/api/tasks", {}, HEADERS)
    with pytest.raises(ValueError, match="exploded"):
        one_task(runs=(SimRun(created_at=START, kind="exploded"),))
    with pytest.raises(ValueError, match="account_id"):
        one_task(changes=((START, {"account_id": OTHER_ACCOUNT}),))
