"""What the rows of a listing are worth without being retrieved: whose they are, and when nobody can tell."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.bodies import NOON, LoadHarness, body, run, runs_body, task
from tests.support.polled_world import MINUTE

NINE = NOON.replace(hour=9)


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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("missing", "listing", "whose", "not_attributed"),
    [
        pytest.param(("a",), [listed()], {"run_lost": "a"}, 0, id="one task missed a run then"),
        pytest.param(
            ("a",),
            [listed(at=NINE + timedelta(seconds=40))],
            {"run_lost": "a"},
            0,
            id="forty seconds off",
            marks=pytest.mark.slow,
        ),
        pytest.param(("a",), [listed(at=NINE + 3 * MINUTE)], {}, 1, id="no tick so near", marks=pytest.mark.slow),
        pytest.param(("a", "b"), [listed()], {}, 1, id="two tasks missed one"),
        pytest.param(("a", "b"), [listed(), listed("run_too")], {}, 2, id="two runs, two tasks: which is whose?"),
        pytest.param(("a",), [listed(), listed("run_too")], {}, 2, id="two runs for one tick", marks=pytest.mark.slow),
        pytest.param(
            ("a",), [listed(tags=["account:other"])], {}, 1, id="another account's run", marks=pytest.mark.slow
        ),
        pytest.param(
            ("a",), [listed(taskIdentifier="create-content")], {}, 0, id="another kind of run", marks=pytest.mark.slow
        ),
        pytest.param((), [listed()], {}, 1, id="nobody misses one", marks=pytest.mark.slow),
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


@pytest.mark.slow
def test_a_listed_run_may_be_of_a_task_that_nobody_could_look_at(tmp_path: Path) -> None:
    harness = LoadHarness(tmp_path)
    watched(harness, [listed()], missing=("a",), blind=("b",))
    assert harness.rows("select run_id from core.runs where found_by = 'listing'") == []
    assert harness.rows("select run_id, outcome from core.listed_runs") == [{"run_id": "run_lost", "outcome": "failed"}]


def retrieved(task_id: str, **over: Any) -> bytes:
    payload = {"externalId": task_id, "scheduleId": f"sched_{task_id}"}
    return runs_body([listed(attemptCount=3, payload=payload, **over)])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("says", "still_missing"), [("b", {"a": 1, "b": 0}), pytest.param("a", {"b": 0, "a": 0}, marks=pytest.mark.slow)]
)
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


@pytest.mark.slow
def test_a_run_that_could_not_be_attributed_leaves_the_list_when_it_is_retrieved(tmp_path: Path) -> None:
    harness = LoadHarness(tmp_path)
    watched(harness, [listed()], missing=("a", "b"))
    assert harness.one("select count(*) from core.listed_runs") == 1
    harness.load(harness.archive_poll(NOON, retrieved("b"), kinds=("run",), is_full_scope=False))
    assert harness.one("select count(*) from core.listed_runs") == 0
    assert harness.one("select task_id from core.runs where run_id = 'run_lost'") == "b"
