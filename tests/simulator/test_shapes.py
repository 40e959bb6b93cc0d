"""The simulated bodies have the fields of the contract in each shape."""

from datetime import datetime
from typing import Any

from pipelines.simulator import Fleet, SimTask, Simulator
from pipelines.simulator.task_json import Shape
from pipelines.simulator.tasks import ACCOUNT_ID, EXTRAS
from tests.support.ground_truth import truth_of
from tests.support.simulator_helpers import (
    HELPERS,
    OTHER_ACCOUNT,
    OTHER_TASK,
    START,
    TASK,
    at,
    get,
    one_task,
    recent,
    stated,
    tasks,
)

TASK_KEYS = {
    *("id", "title", "prompt", "schedule", "account_id", "artist_account_id", "enabled", "last_run", "next_run"),
    *("created_at", "updated_at", "trigger_schedule_id", "model", "recent_runs", "upcoming", "timezone"),
    "owner_email",
}
DOCUMENTED_TASK_KEYS = TASK_KEYS - {"last_run", "next_run", "created_at", "updated_at", "timezone"}
LIVE_RUN_KEYS = HELPERS | {
    *("id", "status", "taskIdentifier", "version", "createdAt", "updatedAt", "startedAt", "finishedAt", "isTest"),
    *("ttl", "env", "tags", "costInCents", "baseCostInCents", "durationMs", "depth", "taskKind", "region"),
}
RETRIEVE_KEYS = (LIVE_RUN_KEYS - {"env", "taskKind", "region"}) | {
    *("triggerFunction", "payload", "error", "schedule", "relatedRuns", "attemptCount"),
}
DOCUMENTED_RUN_KEYS = (LIVE_RUN_KEYS - HELPERS - {"taskKind", "region"}) | {
    *("metadata", "triggerFunction", "payload", "attempts", "schedule", "relatedRuns", "output"),
}
ATTEMPT_KEYS = {"id", "status", "createdAt", "updatedAt", "startedAt", "completedAt"}


def keys_of(kind: str, shape: str) -> tuple[set[str], set[str], dict[str, Any]]:
    """Return the keys of the task and of its run, and the run."""
    sim = stated(kind, shape=shape)
    sim.set_now(at(hours=3))
    task = tasks(sim)[0]
    return set(task), set(task["recent_runs"][0]), task["recent_runs"][0]


def test_the_shapes_have_the_keys_of_the_contract() -> None:
    assert keys_of("completed", "live")[:2] == (TASK_KEYS, LIVE_RUN_KEYS)
    assert keys_of("completed", "newest")[:2] == (TASK_KEYS | {"trigger_lookup_failed", "artist_name"}, LIVE_RUN_KEYS)
    task, run, body = keys_of("completed", "documented")
    assert (task, run) == (DOCUMENTED_TASK_KEYS, DOCUMENTED_RUN_KEYS)
    assert {*body["attempts"][0]} == ATTEMPT_KEYS
    _, run, body = keys_of("failed", "documented")
    assert run == DOCUMENTED_RUN_KEYS - {"output"} | {"error"}
    assert {*body["attempts"][0]} == ATTEMPT_KEYS | {"error"}
    assert {*body["error"]} == {"message", "name", "stackTrace"}


def test_documented_attempts_come_newest_first_and_tell_their_ends() -> None:
    _, _, run = keys_of("retried", "documented")
    statuses = [attempt["status"] for attempt in run["attempts"]]
    assert statuses[0] == "COMPLETED"
    assert set(statuses[1:]) == {"FAILED"}
    created = [attempt["createdAt"] for attempt in run["attempts"]]
    assert created == sorted(created, reverse=True)
    assert len({attempt["id"] for attempt in run["attempts"]}) == len(created) > 1


def test_the_retrieve_shape_has_the_keys_of_the_contract() -> None:
    sim = stated("failed")
    sim.set_now(at(hours=3))
    run = get(sim, "/api/tasks/runs", runId=recent(sim)[0]["id"])["runs"][0]
    assert set(run) == RETRIEVE_KEYS
    assert run["attemptCount"] == 3
    assert {*run["payload"]} == {
        *("scheduleId", "type", "timestamp", "lastTimestamp", "externalId", "timezone", "upcoming")
    }
    assert {*run["schedule"]} == {"id", "externalId", "deduplicationKey", "generator"}


def test_the_two_timestamp_styles_meet_in_one_body() -> None:
    sim = one_task(cron="0 * * * *", created_at=datetime.fromisoformat("2026-05-04T14:11:09.482913+00:00"))
    sim.set_now(at(hours=1.5))
    assert tasks(sim)[0]["created_at"] == "2026-05-04T14:11:09.482913+00:00"
    assert recent(sim)[0]["createdAt"] == "2026-08-17T01:00:00.000Z"


def test_newest_servers_seed_upcoming_of_a_task_that_never_ran() -> None:
    sim = one_task(cron="0 9 1 1 *", shape="newest")
    sim.set_now(at(hours=1))
    task = tasks(sim)[0]
    assert (task["recent_runs"], task["upcoming"]) == ([], ["2027-01-01T09:00:00.000Z"])
    assert task["trigger_lookup_failed"] is False


def test_newer_workers_name_the_work_they_handed_off() -> None:
    sim = one_task(cron="0 * * * *")
    sim.set_now(at(days=10, hours=1.5))
    metadata = recent(sim)[0]["metadata"]
    assert {*metadata} == {"sessionId", "chatId", "workflowRunId"}
    sim.set_now(at(days=1))
    assert "metadata" not in recent(sim)[0]


def test_accounts_can_be_answered_in_shapes_of_their_own() -> None:
    tasks_of_two = [
        SimTask(task_id=TASK, cron="0 * * * *"),
        SimTask(task_id=OTHER_TASK, cron="0 * * * *", account_id=OTHER_ACCOUNT),
    ]
    sim = Simulator(Fleet(tasks_of_two, start=START), at(hours=2), shapes={OTHER_ACCOUNT: "documented"})
    assert "attempts" in tasks(sim, account_id=OTHER_ACCOUNT)[0]["recent_runs"][0]
    assert "attempts" not in tasks(sim, account_id=ACCOUNT_ID)[0]["recent_runs"][0]


def test_extras_are_told_alike_by_all_endpoints() -> None:
    extras = dict.fromkeys(EXTRAS, 1.0)
    shapes: tuple[Shape, ...] = ("live", "documented")
    for shape in shapes:
        sim = one_task(cron="0 * * * *", extras=extras, shape=shape)
        sim.set_now(at(hours=2))
        listed = recent(sim)[0]
        alone = get(sim, "/api/tasks/runs", runId=listed["id"])["runs"][0]
        assert (listed["isTest"], alone["isTest"]) == (True, True)
        assert (listed["depth"], alone["depth"]) == (1, 1)
        assert (listed["env"]["name"], listed["env"]["user"]) == ("dev", "developer")
        assert alone["triggerFunction"] == "batchTriggerAndWait"
        assert {*alone["relatedRuns"]} == {"root", "parent", "children"}
        assert alone["idempotencyKey"].startswith("report-")
        assert truth_of(sim).runs[-1].is_test
    assert listed["batchId"] == alone["batchId"]
    assert listed["relatedRuns"] == alone["relatedRuns"]


def test_most_runs_have_no_extras() -> None:
    sim = one_task(cron="*/5 * * * *", extras={"test": 0.1})
    share = [run.is_test for run in truth_of(sim, at(days=5)).runs]
    assert 0.05 < sum(share) / len(share) < 0.15
