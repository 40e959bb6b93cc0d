"""Loading polls: nothing once seen is lost, the same bytes change nothing, one bad run costs itself alone."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from pipelines.archive.poll_record import PollEnd
from pipelines.recoup import fast_contract
from pipelines.transform.build import build
from pipelines.transform.load_models import load_models
from tests.support.bodies import NOON, LoadHarness, body, iso, run, runs_body, task

HOUR = timedelta(hours=1)


@pytest.fixture
def harness(tmp_path: Path) -> LoadHarness:
    return LoadHarness(tmp_path)


def test_a_run_that_left_the_window_stays(harness: LoadHarness) -> None:
    for hour in range(7):
        window = [run(f"run_{n}", NOON + n * HOUR) for n in range(max(0, hour - 4), hour + 1)][::-1]
        harness.poll(NOON + hour * HOUR + timedelta(minutes=1), [task(runs=window, schedule="0 * * * *")])
    assert harness.one("select count(*) from core.runs") == 7
    assert harness.one("select len(window_run_ids) from core.tasks") == 5
    assert harness.one("select last_observed_at from core.runs where run_id = 'run_0'") == NOON + 4 * HOUR + timedelta(
        minutes=1
    )


def test_the_same_bytes_again_change_nothing_but_the_observation(harness: LoadHarness) -> None:
    tasks = [task(runs=[run()]), task("task_2", upcoming=[iso(NOON + HOUR)])]
    harness.poll(NOON, tasks)
    before = harness.dump("polls", "responses", "task_observations", "tasks")
    row = harness.poll(NOON + HOUR, tasks)
    assert harness.dump("polls", "responses", "task_observations", "tasks") == before
    assert (row.unchanged_task_count, row.new_run_count, row.changed_run_count) == (2, 0, 0)
    assert harness.one("select count(*) from core.task_observations") == 4
    assert harness.one("select min(last_seen_at) from core.tasks") == NOON + HOUR


def test_an_absent_key_keeps_what_was_known(harness: LoadHarness) -> None:
    detailed = run(attemptCount=3, triggerFunction="trigger", error={"message": "no", "name": "E"}, status="FAILED")
    harness.poll(NOON, [task(runs=[detailed])])
    harness.poll(NOON + HOUR, [task(runs=[run(status="FAILED", updatedAt=iso(NOON), costInCents=9.5, env=...)])])
    row = harness.rows("from core.runs")[0]
    assert (row["attempt_count"], row["error_name"], row["trigger_function"]) == (3, "E", "trigger")
    assert row["compute_cents"] == Decimal("9.5")
    assert row["env_name"] == "prod"


def test_the_later_updated_at_wins_over_the_later_poll(harness: LoadHarness) -> None:
    harness.poll(NOON, [task(runs=[run(status="COMPLETED", updatedAt=iso(NOON))])])
    harness.poll(NOON + HOUR, [task(runs=[run(status="EXECUTING", updatedAt=iso(NOON - HOUR), region="eu")])])
    row = harness.rows("from core.runs")[0]
    assert row["status"] == "COMPLETED"
    assert row["region"] == "eu", "what only the older observation has still fills a hole"


@pytest.mark.slow
def test_a_run_whose_creation_was_told_anew_gets_its_day_from_the_next_build(harness: LoadHarness) -> None:
    harness.poll(NOON, [task(runs=[run(created=NOON - HOUR)])])
    build(harness.con, models=load_models(), as_of=NOON, reporting_timezone="UTC")
    told = run(created=NOON - 30 * HOUR, updatedAt=iso(NOON))
    harness.poll(NOON + HOUR, [task(runs=[told])])
    build(harness.con, models=load_models(), as_of=NOON + HOUR, reporting_timezone="UTC")
    assert harness.one("select created_date from core.runs") == (NOON - 30 * HOUR).date()


def test_money_is_exact(harness: LoadHarness) -> None:
    values = [0.37179999999999996, 1e-7, 6.084, 0.1 + 0.2]
    harness.poll(NOON, [task(runs=[run(f"r{i}", costInCents=v, baseCostInCents=0.0025) for i, v in enumerate(values)])])
    found = [row["compute_cents"] for row in harness.rows("from core.runs order by run_id")]
    assert found == [Decimal(repr(value)) for value in values]
    assert harness.one("select sum(total_cents) from core.runs") == sum(
        (Decimal(repr(v)) + Decimal("0.0025") for v in values), Decimal(0)
    )


def test_one_bad_run_costs_itself_alone(harness: LoadHarness) -> None:
    bad = run("run_bad", status=["a secret of owner@label.example"])
    good = task(runs=[run("run_1"), bad, run("run_3")])
    row = harness.poll(NOON, [good, task(id=7, title="x", runs=[run("run_4")]), task("task_3", runs=[run("run_5")])])
    assert sorted(r["run_id"] for r in harness.rows("from core.runs")) == ["run_1", "run_3", "run_5"]
    rejects = harness.rows("select path, level, task_id, run_id, reason, raw from core.quarantine order by path")
    assert [(r["path"], r["level"], r["task_id"], r["run_id"]) for r in rejects] == [
        ("tasks[0].recent_runs[1]", "run", "task_1", "run_bad"),
        ("tasks[1]", "task", None, None),
        ("tasks[1].recent_runs[0]", "run", None, "run_4"),
    ]
    assert row.quarantined_count == 3
    assert "owner@label.example" not in json.dumps(rejects)
    verdicts = dict(harness.con.execute("select task_id, verdict from core.task_observations").fetchall())
    assert verdicts == {"task_1": "rejected", "task_3": "first"}
    assert harness.rows("select cause, runs_missing_count from core.coverage_gaps") == [
        {"cause": "rejected", "runs_missing_count": 1}
    ]


@pytest.mark.slow
def test_reading_field_by_field_gives_the_same_rows_as_the_first_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = [task(f"task_{n}", runs=[run(f"run_{n}{m}", NOON - m * HOUR) for m in range(3)]) for n in range(3)]
    fast, slow = LoadHarness(tmp_path / "fast"), LoadHarness(tmp_path / "slow")
    fast.poll(NOON, tasks)
    monkeypatch.setattr(fast_contract, "passes", lambda raw, decoder: False)
    slow.poll(NOON, tasks)
    without = ("polls", "responses", "quarantine")
    assert fast.dump(*without) == slow.dump(*without)


@pytest.mark.slow
def test_unknown_keys_are_counted_and_break_nothing(harness: LoadHarness) -> None:
    tasks = [task(runs=[run(novelty={"a": 1})], mood="blue")]
    harness.poll(NOON, tasks)
    harness.poll(NOON + HOUR, [task(runs=[run("run_2", novelty={"a": 2})])])
    assert harness.rows("select path, json_type, poll_count from core.schema_changes order by path") == [
        {"path": "tasks[].mood", "json_type": "string", "poll_count": 1},
        {"path": "tasks[].recent_runs[].novelty", "json_type": "object", "poll_count": 2},
    ]
    assert harness.one("select count(*) from core.runs") == 2


def test_a_duplicate_in_one_body_is_decided_by_the_later(harness: LoadHarness) -> None:
    twice = [task(title="first", runs=[run(version="1")]), task(title="second", runs=[run(version="2")])]
    harness.poll(NOON, twice)
    assert harness.one("select title from core.tasks") == "second"
    assert harness.rows("select version from core.runs") == [{"version": "2"}]
    assert harness.one("select count(*) from core.task_versions") == 1


def test_a_failed_poll_leaves_every_table_as_it_was(harness: LoadHarness) -> None:
    harness.poll(NOON, [task(runs=[run()])])
    before = harness.dump("polls", "responses")
    record = harness.archive_poll(NOON + HOUR, body([]), end=PollEnd(NOON + HOUR, False, "Unreachable", "no answer"))
    harness.load(record)
    assert harness.dump("polls", "responses") == before
    assert harness.rows("select status, error_kind, error_message from core.polls order by poll_id")[1] == {
        "status": "failed",
        "error_kind": "Unreachable",
        "error_message": "no answer",
    }


def test_recovered_runs_find_their_task_and_say_how_they_were_found(harness: LoadHarness) -> None:
    harness.poll(NOON, [task()])
    found = run("run_9", payload={"externalId": "task_1", "scheduleId": "sched_old"}, attemptCount=1, env=...)
    foreign = run("run_8", taskIdentifier="run-sandbox-command")  # the listing mixes in what no task ran
    harness.load(harness.archive_poll(NOON + HOUR, runs_body([found]), runs_body([foreign]), kinds=["run", "runs"]))
    assert harness.rows("select run_id, task_id, schedule_id, found_by from core.runs order by run_id") == [
        {"run_id": "run_9", "task_id": "task_1", "schedule_id": "sched_old", "found_by": "retrieve"},
    ]


def test_private_values_leave_a_keyed_hash_and_a_size(harness: LoadHarness) -> None:
    import hashlib
    import hmac

    secret = run(
        payload={"p": "canary"}, output="canary", error={"message": "m", "stackTrace": "canary é"}, metadata={"m": 1}
    )
    harness.poll(NOON, [task(prompt="canary", runs=[secret], owner_email="canary@x.example")])
    assert "canary" not in repr(harness.dump())
    row = harness.rows("select prompt_hash, prompt_length, prompt from core.tasks")[0]
    assert row == {
        "prompt_hash": hmac.new(b"test", b"canary", hashlib.sha256).hexdigest(),
        "prompt_length": 6,
        "prompt": None,
    }
    assert (
        harness.one("select stack_trace_hash from core.runs")
        == hmac.new(b"test", "canary é".encode(), hashlib.sha256).hexdigest()
    )


def test_kept_columns_are_in_clear(tmp_path: Path) -> None:
    harness = LoadHarness(tmp_path, privacy_keep="prompt,payload,stack_trace")
    harness.poll(NOON, [task(runs=[run(payload={"a": 1}, output="x", error={"message": "m", "stackTrace": "st"})])])
    assert harness.one("select prompt from core.tasks") == "Write the report."
    row = harness.rows("select payload, output, stack_trace from core.runs")[0]
    assert row == {"payload": '{"a":1}', "output": None, "stack_trace": "st"}


def test_addresses_and_keys_in_free_text_are_masked(harness: LoadHarness) -> None:
    message = "mail to anna.b@label.example failed with recoup_sk_abc123 and Bearer eyJhbGci.x"
    harness.poll(NOON, [task(runs=[run(status="FAILED", error={"message": message}, metadata={"to": "c@d.example"})])])
    row = harness.rows("select error_message, metadata from core.runs")[0]
    assert row == {
        "error_message": "mail to <address> failed with <secret> and <secret>",
        "metadata": '{"to":"<address>"}',
    }


STATUSES = dict(
    DELAYED="in_flight", QUEUED="in_flight", PENDING_VERSION="in_flight", WAITING_FOR_DEPLOY="in_flight",
    DEQUEUED="in_flight", EXECUTING="in_flight", REATTEMPTING="in_flight", FROZEN="in_flight", WAITING="in_flight",
    COMPLETED="succeeded", CANCELED="cancelled", FAILED="failed", INTERRUPTED="failed", CRASHED="failed",
    SYSTEM_FAILURE="failed", EXPIRED="expired", TIMED_OUT="failed", BRAND_NEW="unknown", completed="unknown",
)  # fmt: skip


def test_every_status_has_its_outcome_and_unknown_ones_load(harness: LoadHarness) -> None:
    runs = [run(f"run_{n}", status=status) for n, status in enumerate(STATUSES)]
    harness.poll(NOON, [task(runs=runs)])
    found = {row["status"]: row["outcome"] for row in harness.rows("select status, outcome from core.runs")}
    assert found == STATUSES
