"""One account costs itself alone: what fails, empties or is doubted in one never touches what the others told."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.account_polls import A, B, Told, fleet, polled
from tests.support.bodies import NOON, LoadHarness, run, task
from tests.support.coverage_helpers import DAY, HOUR


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[LoadHarness]:
    """A harness whose every history must be the same when it is made again from the archive."""
    harness = LoadHarness(tmp_path)
    yield harness
    assert harness.dump() == harness.replay().dump()


def deleted(harness: LoadHarness) -> dict[str, datetime]:
    return {row["task_id"]: row["deleted_at"] for row in harness.rows("from core.tasks where deleted_at is not null")}


# --- an account that does not answer ---


@pytest.mark.slow
@pytest.mark.parametrize("silence", [None, b"<html>", b'{"status":"success","tasks":[{', b'{"status":"success"}'])
def test_an_account_without_an_answer_costs_itself_alone(harness: LoadHarness, silence: Told) -> None:
    polled(harness, NOON, {A: fleet(A, 2), B: fleet(B, 2)})
    row = polled(harness, NOON + HOUR, {A: [*fleet(A, 1), task("new", account_id=A)], B: silence})
    assert (row.status, row.unanswered_account_count, row.unanswered_account_ids) == ("partial", 1, [B])
    assert (row.task_count, row.new_task_count, row.error_kind) == (2, 1, "PartialPoll")
    assert row.error_message is not None and "1 of 2 accounts" in row.error_message and B in row.error_message
    assert deleted(harness) == {"a01": NOON + HOUR}, "in the account that answered, and only there"
    assert harness.one("select max(last_seen_at) from core.tasks where account_id = ?", B) == NOON
    assert harness.one("select count(*) from core.responses") == 4


@pytest.mark.slow
def test_the_keys_own_account_is_counted_without_an_id(harness: LoadHarness) -> None:
    row = polled(harness, NOON, {None: None, A: fleet(A)})
    assert (row.status, row.unanswered_account_count, row.unanswered_account_ids) == ("partial", 1, [])


@pytest.mark.slow
def test_many_silent_accounts_make_one_readable_sentence(harness: LoadHarness) -> None:
    names = [f"{number:08d}-0000-4000-8000-000000000000" for number in range(50)]
    row = polled(harness, NOON, {A: fleet(A), **dict.fromkeys(names)})
    assert row.error_message is not None and row.error_message.startswith("50 of 51 accounts")
    assert row.error_message.endswith("and 47 more") and len(row.error_message) < 500
    assert row.unanswered_account_ids == names


@pytest.mark.slow
def test_a_hole_around_a_silent_account_is_the_sources_fault_there_and_only_there(harness: LoadHarness) -> None:
    def hourly(account: str, hours: range) -> list[dict[str, Any]]:
        runs = [run(f"{account[0]}{hour}", NOON + hour * HOUR) for hour in hours][::-1]
        return [task(account[0], account_id=account, schedule="0 * * * *", runs=runs)]

    polled(harness, NOON, {A: hourly(A, range(-4, 1)), B: hourly(B, range(-4, 1))})
    polled(harness, NOON + 8 * HOUR, {"c": [], A: hourly(A, range(4, 9)), B: None})
    polled(harness, NOON + 20 * HOUR, {A: hourly(A, range(16, 21)), B: hourly(B, range(16, 21))})
    causes = {(row["task_id"], row["cause"]) for row in harness.rows("from core.coverage_gaps")}
    assert causes == {("a", "window_overflow"), ("b", "source_outage")}


# --- an account that shows nothing any more ---


@pytest.mark.slow
@pytest.mark.parametrize(
    "names", [pytest.param((A,), id="named", marks=pytest.mark.slow), pytest.param((None,), id="the key's own")]
)
def test_the_last_task_of_a_single_account_ends_after_two_days(harness: LoadHarness, names: tuple[str | None]) -> None:
    (name,) = names
    polled(harness, NOON, {name: fleet(A)})
    for hours in (1, 2, 24, 47):
        row = polled(harness, NOON + hours * HOUR, {name: []})
        assert (row.status, row.suspect_reasons, row.suspect_account_ids) == ("suspect", ["account_empty"], [A])
        assert deleted(harness) == {}
    row = polled(harness, NOON + 2 * DAY, {name: []})
    assert (row.status, row.deleted_task_count, deleted(harness)) == ("succeeded", 1, {"a00": NOON + HOUR})
    assert polled(harness, NOON + 3 * DAY, {name: []}).status == "succeeded"


@pytest.mark.slow
def test_one_empty_answer_is_never_enough_however_long_ago_the_last_was(harness: LoadHarness) -> None:
    polled(harness, NOON, {A: fleet(A)})
    assert polled(harness, NOON + 9 * DAY, {A: []}).deleted_task_count == 0
    assert polled(harness, NOON + 10 * DAY, {A: []}).deleted_task_count == 1


@pytest.mark.slow
def test_a_persons_word_ends_the_doubt_at_once(harness: LoadHarness) -> None:
    polled(harness, NOON, {A: fleet(A, 3), B: fleet(B)})
    row = polled(harness, NOON + HOUR, {A: [], B: fleet(B)}, accept_deletions=True)
    assert (row.status, row.deleted_task_count) == ("succeeded", 3)


@pytest.mark.slow
def test_an_account_that_comes_back_was_never_gone(harness: LoadHarness) -> None:
    polled(harness, NOON, {A: fleet(A)})
    polled(harness, NOON + HOUR, {A: []})
    assert harness.one("select absent_since_at from core.tasks") == NOON + HOUR
    polled(harness, NOON + 2 * HOUR, {A: fleet(A)})
    assert harness.one("select absent_since_at from core.tasks") is None
    assert polled(harness, NOON + 2 * DAY, {A: []}).deleted_task_count == 0, "the two days begin anew"


@pytest.mark.slow
def test_an_empty_saved_answer_names_no_account_and_ends_what_the_last_one_showed(harness: LoadHarness) -> None:
    polled(harness, NOON, {B: fleet(B)})
    polled(harness, NOON + HOUR, {None: fleet(A)})
    row = polled(harness, NOON + 2 * HOUR, {None: []}, accept_deletions=True)
    assert (row.deleted_task_count, deleted(harness)) == (1, {"a00": NOON + 2 * HOUR})


DOUBTS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "account_empty": lambda: [],
    "row_cap_reached": lambda: fleet(A, 1000),
    "lookup_failed_or_empty": lambda: fleet(A, 1, timezone=None),
}


@pytest.mark.slow
@pytest.mark.parametrize("reason", DOUBTS)
def test_doubt_about_one_account_stops_no_deletion_in_another(harness: LoadHarness, reason: str) -> None:
    polled(harness, NOON, {A: [*fleet(A, 1), task("kept", account_id=A)], B: fleet(B, 2)})
    row = polled(harness, NOON + HOUR, {A: DOUBTS[reason](), B: fleet(B, 1)})
    assert (row.suspect_reasons, row.suspect_account_ids) == ([reason], [A])
    assert deleted(harness) == {"b01": NOON + HOUR}


@pytest.mark.slow
def test_a_cut_list_proves_nothing_whatever_a_person_says(harness: LoadHarness) -> None:
    polled(harness, NOON, {A: [task("kept", account_id=A)]})
    polled(harness, NOON + HOUR, {A: fleet(A, 1000)}, accept_deletions=True)
    assert deleted(harness) == {}
    assert harness.one("select count(*) from core.tasks where absent_since_at is not null") == 0


@pytest.mark.slow
def test_a_filtered_poll_proves_nothing(harness: LoadHarness) -> None:
    polled(harness, NOON, {A: fleet(A, 2)})
    for tasks in ([], fleet(A, 1)):
        row = polled(harness, NOON + HOUR, {A: tasks}, is_full_scope=False)
        assert (row.status, row.deleted_task_count) == ("succeeded", 0)
        assert harness.one("select count(*) from core.tasks where absent_since_at is not null") == 0


@pytest.mark.slow
def test_the_bound_on_deletions_counts_all_accounts_together(harness: LoadHarness) -> None:
    polled(harness, NOON, {A: fleet(A, 12), B: fleet(B, 12)})
    row = polled(harness, NOON + HOUR, {A: fleet(A, 10), B: fleet(B, 11)})
    assert (row.deleted_task_count, row.deletions_withheld_count) == (0, 3)


# --- a deletion that is believed late ---


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "lost"),
    [
        pytest.param(timedelta(minutes=15), 0, marks=pytest.mark.slow),
        (HOUR, 9),
        pytest.param(timedelta(minutes=45), 6, marks=pytest.mark.slow),
    ],
)
def test_a_deletion_accepted_late_ends_where_the_task_was_first_missed(
    harness: LoadHarness, step: timedelta, lost: int
) -> None:
    def quarterly(at: datetime, first: int) -> list[dict[str, Any]]:
        quarter = timedelta(minutes=15)
        return [
            task(
                f"q{number:02d}",
                account_id=A,
                schedule="*/15 * * * *",
                runs=[run(f"q{number}-{at - back * quarter:%d%H%M}", at - back * quarter) for back in range(5)],
            )
            for number in range(first, 24)
        ]

    polled(harness, NOON, {A: quarterly(NOON, 0)})
    first_missed = NOON + step
    for at in (first_missed, NOON + DAY):
        assert polled(harness, at, {A: quarterly(at, 3)}).deletions_withheld_count == 3
    at = NOON + 38 * HOUR + timedelta(minutes=20)
    assert polled(harness, at, {A: quarterly(at, 3)}, accept_deletions=True).deleted_task_count == 3
    assert deleted(harness) == dict.fromkeys(("q00", "q01", "q02"), first_missed)
    ends = (
        "select max(valid_to) from core.task_versions where task_id = 'q00' and not is_current or valid_to is not null"
    )
    assert harness.one(ends) == first_missed
    holes = harness.rows("from core.coverage_gaps where task_id in ('q00', 'q01', 'q02')")
    assert all(hole["to_at"] <= first_missed < hole["detected_at"] for hole in holes)
    assert harness.one("select count(*) from core.missing_runs where task_id < 'q03'") == lost
