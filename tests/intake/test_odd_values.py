"""One odd value costs that value: tables of what an answer may hold, and what is right to keep of it.

Identity and time of a run must be right, or that run alone is set aside; every other field costs only itself.
"""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.bodies import NOON, LoadHarness, body, iso, run, task

HOUR = timedelta(hours=1)
FIELD = "select path, task_id, run_id, raw from core.quarantine where level = 'field'"


@pytest.fixture
def harness(tmp_path: Path) -> LoadHarness:
    return LoadHarness(tmp_path)


ODD_TASKS: list[tuple[str, Any]] = [
    ("last_run", "2026-05-04T14:11:09"), ("next_run", ""), ("created_at", "2026-05-04"), ("updated_at", 5),
    ("upcoming", [None]), ("upcoming", {}), ("upcoming", [iso(NOON), "soon"]), ("artist_name", 5),
    ("trigger_lookup_failed", "false"), ("timezone", {}), ("title", 7), ("prompt", ["x"]), ("schedule", 5),
    ("account_id", {}), ("artist_account_id", 0), ("enabled", "yes"), ("enabled", 1), ("model", []),
    ("trigger_schedule_id", 7), ("owner_email", {"a": 1}),
]  # fmt: skip


@pytest.mark.slow
def test_an_odd_field_of_a_task_costs_itself_and_what_was_known_stays(harness: LoadHarness) -> None:
    known = {"artist_name": "Band", "last_run": iso(NOON), "next_run": iso(NOON), "model": "m", "upcoming": [iso(NOON)]}
    names = [f"task_{number}" for number in range(len(ODD_TASKS))]
    harness.poll(NOON, [task(name, runs=[run(f"{name}_1")], **known) for name in names])
    query = """
        select * exclude (
            source_hash, last_seen_at, observed_until_at, last_poll_id, window_run_count, window_newest_run_at,
            window_run_ids
        )
        from core.tasks
        order by task_id
    """
    announced = "select task_id, tick_at from core.upcoming_ticks order by all"
    before, ticks = harness.rows(query), harness.rows(announced)
    odd_tasks = [
        task(name, runs=[run(f"{name}_2", NOON), run(f"{name}_1")], **known | {field: odd})
        for name, (field, odd) in zip(names, ODD_TASKS, strict=True)
    ]
    summary = harness.poll(NOON + HOUR, odd_tasks)
    assert harness.rows(query) == before
    assert harness.rows(announced) == ticks
    assert harness.one("select count(*) from core.runs") == 2 * len(names)
    assert harness.one("select count(*) from core.task_versions") == len(names)
    assert harness.one("select count(*) from core.coverage_gaps") == 0
    told = {(row["path"], row["task_id"], row["run_id"]) for row in harness.rows(FIELD)}
    assert told == {(f"tasks[{n}].{field}", names[n], None) for n, (field, _) in enumerate(ODD_TASKS)}
    assert (summary.status, summary.deleted_task_count, summary.quarantined_count) == ("succeeded", 0, len(names))


ODD_RUNS: list[tuple[str, Any, str | None]] = [
    ("region", 5, "region"), ("startedAt", "2026-08-20", "started_at"), ("startedAt", "soon", "started_at"),
    ("finishedAt", "9999-12-31T23:59:59-12:00", "finished_at"), ("isTest", "true", "is_test"), ("isTest", 1, "is_test"),
    ("expiredAt", "0001-01-01T00:00:00+14:00", "expired_at"), ("costInCents", True, "compute_cents"),
    ("costInCents", -1, "compute_cents"), ("costInCents", "0.5", "compute_cents"), ("costInCents", 1e13, "compute_cents"),
    ("durationMs", True, "duration_ms"), ("durationMs", 12.5, "duration_ms"), ("depth", -1, "depth"),
    ("depth", 2**31, "depth"), ("env", "prod", "env_name"), ("tags", [5], None), ("tags", {}, None),
    ("ttl", True, "ttl"), ("version", {}, "version"), ("attempts", {}, None), ("attempts", "none", None),
    ("schedule", [], None), ("attemptCount", "1", "attempt_count"),
]  # fmt: skip


@pytest.mark.slow
def test_an_odd_field_of_a_run_costs_itself_and_what_was_known_stays(harness: LoadHarness) -> None:
    names = [f"run_{number}" for number in range(len(ODD_RUNS))]

    def good(name: str) -> dict[str, Any]:
        known: dict[str, Any] = {
            "region": "eu",
            "attemptCount": 2,
            "ttl": "14d",
            "version": "1",
            "expiredAt": iso(NOON),
        }
        return run(name) | known

    harness.poll(NOON, [task(f"task_of_{name}", runs=[good(name)]) for name in names])
    before = {row["run_id"]: row for row in harness.rows("from core.runs")}
    tags = harness.rows("from core.run_tags order by all")
    later = {"updatedAt": iso(NOON + HOUR)}
    odd_tasks = [
        task(f"task_of_{name}", runs=[good(name) | later | {field: odd}, run(f"{name}_older")])
        for name, (field, odd, _) in zip(names, ODD_RUNS, strict=True)
    ]
    harness.poll(NOON + HOUR, odd_tasks)
    after = {row["run_id"]: row for row in harness.rows("from core.runs")}
    assert set(after) == {*names, *(f"{name}_older" for name in names)}
    for name, (field, _, column) in zip(names, ODD_RUNS, strict=True):
        assert after[name]["updated_at"] == NOON + HOUR
        assert column is None or after[name][column] == before[name][column] is not None, (field, column)
    assert harness.rows("from core.run_tags where run_id not like '%older' order by all") == tags
    told = {(row["path"], row["task_id"], row["run_id"]) for row in harness.rows(FIELD)}
    assert told == {
        (f"tasks[{n}].recent_runs[0].{field}", f"task_of_{names[n]}", names[n])
        for n, (field, *_) in enumerate(ODD_RUNS)
    }
    verdicts = harness.rows("select distinct verdict from core.task_observations where observed_at > ?", NOON)
    assert verdicts == [{"verdict": "complete"}]


def test_a_field_inside_an_object_costs_itself_alone(harness: LoadHarness) -> None:
    odd = run(
        "run_1", env={"id": 5, "name": "prod"}, schedule={"id": "s", "generator": {"expression": 5, "type": "CRON"}}
    )
    harness.poll(NOON, [task(runs=[odd])])
    row = harness.rows("select env_id, env_name, schedule_id, schedule_expression from core.runs")[0]
    assert row == {"env_id": None, "env_name": "prod", "schedule_id": "s", "schedule_expression": None}
    assert [each["path"] for each in harness.rows(f"{FIELD} order by path")] == [
        "tasks[0].recent_runs[0].env.id", "tasks[0].recent_runs[0].schedule.generator.expression",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("odd", [None, ..., {}, "none", 5])
def test_a_window_that_is_not_told_is_never_complete(harness: LoadHarness, odd: Any) -> None:
    harness.poll(NOON, [task(runs=[run("run_1", NOON - 30 * HOUR)])])
    for days in (1, 9):
        harness.poll(NOON + days * 24 * HOUR, [task(recent_runs=odd, title=str(days))])
    verdicts = harness.rows("select verdict, run_count from core.task_observations order by observed_at")
    assert [row["verdict"] for row in verdicts] == ["first", "unknown", "unknown"]
    assert harness.one("select observed_until_at from core.tasks") == NOON


@pytest.mark.slow
@pytest.mark.parametrize("odd", [[None], [[]], ["run_1"], [5], [{}]])
def test_a_window_of_what_are_no_runs_closes_no_hole(harness: LoadHarness, odd: Any) -> None:
    harness.poll(NOON, [task(runs=[run("run_1", NOON - HOUR)])])
    harness.poll(NOON + 9 * 24 * HOUR, [task(recent_runs=odd)])
    assert harness.one("select verdict from core.task_observations order by observed_at desc limit 1") == "rejected"
    assert harness.rows("select cause, runs_missing_count, is_provisional from core.coverage_gaps") == [
        {"cause": "rejected", "runs_missing_count": 1, "is_provisional": True}
    ]
    assert harness.one("select observed_until_at from core.tasks") == NOON


@pytest.mark.slow
@pytest.mark.parametrize(("told", "verdict"), [(False, "complete"), (..., "unknown"), (True, "unknown")])
def test_the_newest_server_proves_that_an_empty_list_was_answered(
    harness: LoadHarness, told: Any, verdict: str
) -> None:
    harness.poll(NOON, [task(timezone=None, trigger_lookup_failed=False)])
    harness.poll(NOON + HOUR, [task(timezone=None, trigger_lookup_failed=told, title="later")])
    assert harness.one("select verdict from core.task_observations order by observed_at desc limit 1") == verdict


SPELLINGS = {
    "2026-08-20T09:00Z": 9, "2026-08-20t09:00:00z": 9, "2026-08-20_09:00:00Z": 9, "2026-08-20 09:00:00Z": 9,
    "2026-08-20T09:00:00,000Z": 9, "2026-08-20T09:00:00.000000000Z": 9, "1787216400": 9, "2026-08-20T11:00:00+02:00": 9,
    "2026-08-20T11:00:00+0200": 9, "2026-08-20T07:00:00\u221202:00": 9, "2026-08-20T09:00:00-00:00": 9,
}  # fmt: skip


def test_an_instant_means_the_same_however_it_is_spelled(harness: LoadHarness) -> None:
    runs = [run(f"run_{n}", createdAt=spelled, startedAt=spelled) for n, spelled in enumerate(SPELLINGS)]
    harness.poll(NOON, [task(f"task_{n}", runs=[each]) for n, each in enumerate(runs)])
    found = {row["run_id"]: (row["created_at"], row["started_at"]) for row in harness.rows("from core.runs")}
    hours = [datetime(2026, 8, 20, hour, tzinfo=UTC) for hour in SPELLINGS.values()]
    assert found == {f"run_{n}": (hour, hour) for n, hour in enumerate(hours)}
    assert harness.one("select count(*) from core.quarantine") == 0


IMPOSSIBLE = ["2126-08-20T09:00:00Z", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00",
              "2026-08-23T12:00:00Z", "2023-08-01T00:00:00Z"]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("field", ["createdAt", "updatedAt"])
def test_a_run_of_another_time_is_set_aside_by_name(harness: LoadHarness, field: str) -> None:
    tasks = [
        task(f"task_{n}", runs=[run(f"odd_{n}") | {field: instant}, run(f"run_{n}")])
        for n, instant in enumerate(IMPOSSIBLE)
    ]
    harness.poll(NOON, tasks)
    numbers = range(len(IMPOSSIBLE))
    assert {row["run_id"] for row in harness.rows("from core.runs")} == {f"run_{n}" for n in numbers}
    rejects = harness.rows("select level, task_id, run_id, reason from core.quarantine")
    assert {(r["level"], r["task_id"], r["run_id"]) for r in rejects} == {
        ("run", f"task_{n}", f"odd_{n}") for n in numbers
    }
    assert all(field in reject["reason"] and "believable" in reject["reason"] for reject in rejects)


def test_numbers_keep_the_digits_that_came_where_they_are_read_with_care(harness: LoadHarness) -> None:
    digits = b"0.12345678901234567891"
    raw = body([task(runs=[run("run_1", costInCents="here", region=5)])]).replace(b'"here"', digits)
    harness.load(harness.archive_poll(NOON, raw))
    assert harness.one("select compute_cents from core.runs") == Decimal(digits.decode())


def test_of_a_repeated_key_the_last_one_counts(harness: LoadHarness) -> None:
    raw = body([task(title="here", runs=[run("run_1", region="here")])]).replace(
        b'"region": "here"', b'"region":"a","region":"b"'
    )
    harness.load(harness.archive_poll(NOON, raw.replace(b'"title": "here"', b'"title":"a","title":"b"')))
    assert harness.rows("select title, region from core.tasks, core.runs") == [{"title": "b", "region": "b"}]
    assert harness.one("select count(*) from core.quarantine") == 0


TEXTS = {
    b'"\\ud83c"': "\ufffd", b'"a\\udf00b"': "a\ufffdb", b'"\\ud83c\\udf00"': "\U0001f300", b'"\\\\ud83c"': "\\ud83c",
    b'"\\ud83c\\ud83c\\udf00"': "\ufffd\U0001f300", b'"\xff"': "\ufffd", b'"\xc3\xa9\xc3"': "\u00e9\ufffd",
}  # fmt: skip


def test_half_a_character_costs_nothing_but_itself(harness: LoadHarness) -> None:
    def written(number: int, raw: bytes) -> bytes:
        name = f"{number}"
        one = body([task(name, title="here", runs=[run(f"run_{name}", metadata={"a": "here"})])])
        return one.partition(b"[")[2].rpartition(b"]")[0].replace(b'"here"', raw)

    tasks = b",".join(written(number, raw) for number, raw in enumerate(TEXTS))
    harness.load(harness.archive_poll(NOON, b'{"status":"success","tasks":[%b]}' % tasks))
    titles = {row["task_id"]: row["title"] for row in harness.rows("from core.tasks")}
    assert titles == {f"{number}": text for number, text in enumerate(TEXTS.values())}
    told = {row["run_id"]: json.loads(row["metadata"])["a"] for row in harness.rows("from core.runs")}
    assert told == {f"run_{number}": text for number, text in enumerate(TEXTS.values())}
    assert harness.one("select count(*) from core.quarantine") == 0


def test_a_byte_order_mark_is_no_reason_to_refuse(harness: LoadHarness) -> None:
    harness.load(harness.archive_poll(NOON, b"\xef\xbb\xbf" + body([task(runs=[run("run_1")])])))
    assert harness.one("select count(*) from core.runs") == 1


@pytest.mark.slow
@pytest.mark.parametrize("depth", [1_500, 20_000])
def test_deep_nesting_is_kept_opaque(harness: LoadHarness, depth: int) -> None:
    nested = b"[" * depth + b"]" * depth
    fields = ("metadata", "payload", "output", "error", "relatedRuns", "novelty")
    runs = [run(f"run_{field}") | {field: "here"} for field in fields]
    content = body([task(f"task_{n}", runs=[each]) for n, each in enumerate(runs)]).replace(b'"here"', nested)
    harness.load(harness.archive_poll(NOON, content))
    assert harness.one("select count(*) from core.runs") == len(fields)
    assert harness.one("select metadata::varchar from core.runs where run_id = 'run_metadata'") == nested.decode()
    assert harness.one("select count(*) from core.quarantine") == 0
