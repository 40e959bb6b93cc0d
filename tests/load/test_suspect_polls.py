"""Answers that show less than they should: when a poll is suspect, and which tasks it may mark as deleted."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.load import suspect_polls
from tests.support.bodies import NOON, LoadHarness, iso, run, task
from tests.support.coverage_helpers import DAY, HOUR


def test_an_outage_of_many_tasks_marks_nothing_deleted_or_empty(tmp_path: Path) -> None:
    harness = LoadHarness(tmp_path)
    tasks = [task(f"task_{n}", runs=[run(f"run_{n}", NOON - HOUR)]) for n in range(8)]
    harness.poll(NOON, tasks)
    silent = [task(f"task_{n}", timezone=None, upcoming=[]) for n in range(7)]
    row = harness.poll(NOON + HOUR, silent)
    assert row.status == "suspect"
    assert row.suspect_reasons == ["lookup_failed_or_empty", "many_tasks_empty"]
    assert harness.one("select count(*) from core.tasks where deleted_at is not null") == 0
    assert harness.one("select min(len(window_run_ids)) from core.tasks") == 1, "what the API showed last still counts"


@pytest.mark.parametrize(("gone", "deleted", "withheld"), [(1, 1, 0), (2, 2, 0), (3, 0, 3), (24, 0, 24)])
def test_deletions_are_bounded(tmp_path: Path, gone: int, deleted: int, withheld: int) -> None:
    harness = LoadHarness(tmp_path)
    tasks = [task(f"task_{n:02d}") for n in range(24)]
    harness.poll(NOON, tasks)
    row = harness.poll(NOON + HOUR, tasks[gone:])
    if gone == 24:
        assert row.suspect_reasons == ["account_empty"]
        withheld = 0
    assert (row.deleted_task_count, row.deletions_withheld_count) == (deleted, withheld)
    assert harness.one("select count(*) from core.tasks where deleted_at is not null") == deleted
    if withheld:
        row = harness.poll(NOON + 2 * HOUR, tasks[gone:], accept_deletions=True)
        assert row.deleted_task_count == gone


@pytest.mark.slow
def test_partial_polls_delete_nothing_and_a_deleted_task_may_come_back(tmp_path: Path) -> None:
    harness = LoadHarness(tmp_path)
    harness.poll(NOON, [task("task_1"), task("task_2")])
    assert harness.poll(NOON + HOUR, [task("task_1")], is_full_scope=False).deleted_task_count == 0
    assert harness.poll(NOON + 2 * HOUR, [task("task_1")]).deleted_task_count == 1
    harness.poll(NOON + 3 * HOUR, [task("task_1"), task("task_2")])
    assert harness.one("select count(*) from core.tasks where deleted_at is not null") == 0
    versions = harness.rows("from core.task_versions where task_id = 'task_2' order by version_number")
    assert [(v["valid_to"], v["is_current"]) for v in versions] == [(NOON + 2 * HOUR, False), (None, True)]


def test_exactly_a_thousand_tasks_may_be_a_cut_list(tmp_path: Path) -> None:
    row = LoadHarness(tmp_path).poll(NOON, [task(f"task_{n}") for n in range(1000)])
    assert row.suspect_reasons == ["row_cap_reached"]


def test_a_run_known_to_be_young_that_vanishes_means_outage(tmp_path: Path) -> None:
    harness = LoadHarness(tmp_path)
    harness.poll(NOON, [task(runs=[run(created=NOON - HOUR)])])
    row = harness.poll(NOON + DAY, [task(timezone="UTC", upcoming=[iso(NOON + 2 * DAY)])])
    assert row.status == "suspect"


SECOND_POLLS: dict[str, list[dict[str, Any]]] = {
    "as before": [task("a"), task("b")],
    "one more": [task("a"), task("b"), task("c")],
    "one gone": [task("a")],
    "none left": [],
    "an outage of one": [task("a"), task("b", timezone=None)],
    "one unreadable": [task("a"), {"id": "b", "title": "?", "recent_runs": 5}],
    "one without an id": [task("a"), task("b"), task("c", id=None)],
    "one in another account": [task("a"), task("b", account_id="account_2")],
}


@pytest.mark.slow
@pytest.mark.parametrize("second", SECOND_POLLS.values(), ids=SECOND_POLLS)
def test_what_is_not_judged_is_what_judging_would_not_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, second: list[dict[str, Any]]
) -> None:
    quick = LoadHarness(tmp_path)
    quick.poll(NOON, [task("a"), task("b")])
    quick.poll(NOON + HOUR, second)
    monkeypatch.setattr(suspect_polls, "_is_nothing_lacking", lambda *_: False)
    assert quick.replay().dump() == quick.dump()
