"""What the last poll did not see is said above all else: of whom, since when, and nothing when it saw all."""

from typing import Any

import pytest

from pipelines.database.sql_text import rows, statement
from pipelines.report.digest import digest
from pipelines.report.doubts import doubts
from tests.support.warehouse_builder import WarehouseBuilder

ACCOUNTS = [f"{number}4c57182-3eca-4b50-a5da-2371265f54c4" for number in (1, 2)]
OLDER = "What stands here of that is older than the rest."


def said(house: WarehouseBuilder) -> list[str]:
    return doubts(next(iter(rows(house.con.execute(statement("report", "last_poll")))), None))


def after(**poll: Any) -> WarehouseBuilder:
    house = WarehouseBuilder().poll("p2", started_at="2026-08-20T11:30:00Z", **poll)
    return house.rows("accounts", {"account_id": ACCOUNTS[0], "account_name": "Night\nOwl"})


@pytest.mark.parametrize(
    ("poll", "expected"),
    [
        ({}, None),
        ({"status": "failed"}, "The last poll failed; what follows is older than it should be."),
        ({"status": "running"}, "The last poll did not end; what follows is older than it should be."),
        (
            {"status": "partial", "unanswered_account_ids": ACCOUNTS},
            f"The last poll did not see all: no whole answer from Night Owl, 24c57182. {OLDER}",
        ),
        ({"status": "partial"}, f"The last poll did not see all: no whole answer from an account. {OLDER}"),
        (
            {
                "status": "suspect",
                "suspect_reasons": ["row_cap_reached", "unreadable_objects"],
                "suspect_account_ids": ACCOUNTS[1:],
            },
            "The last poll did not see all: of 24c57182, the list of tasks may be cut and parts could not be read "
            f"(core.quarantine). {OLDER}",
        ),
        ({"status": "suspect"}, f"The last poll did not see all: some answers are not to be believed. {OLDER}"),
    ],
)
def test_the_doubt_names_whose_answers_lack(poll: dict[str, Any], expected: str | None) -> None:
    assert said(after(**poll)) == ([expected] if expected else [])


def test_tasks_whose_runs_are_hidden_are_named_with_the_instant() -> None:
    house = after(status="suspect", suspect_reasons=["lookup_failed_or_empty"], suspect_account_ids=ACCOUNTS)
    for number in range(4):
        house.task(f"t{number}", title=f"Task {number}", unknown_since_at=f"2026-08-20T0{9 - number}:00:00Z")
    house.task("gone", unknown_since_at="2026-08-01T00:00:00Z", deleted_at="2026-08-02T00:00:00Z").task("seen")
    expected = "the runs of 4 tasks (Task 3, Task 2 and 2 more) are hidden since 2026-08-20 06:00 UTC"
    assert said(house) == [f"The last poll did not see all: {expected}. {OLDER}"]


def test_what_was_seen_again_is_no_doubt_any_more() -> None:
    house = after(status="suspect", suspect_reasons=["account_empty"], suspect_account_ids=ACCOUNTS)
    assert said(house)
    assert said(house.poll("p3", started_at="2026-08-20T11:45:00Z")) == []


def test_no_poll_is_no_doubt() -> None:
    house = WarehouseBuilder()
    house.con.execute("delete from core.polls")
    assert said(house) == []


@pytest.mark.slow
def test_the_digest_says_it_before_any_number() -> None:
    house = after(status="partial", unanswered_account_ids=ACCOUNTS[1:])
    house.build()
    text = digest(house.con, "text").splitlines()
    assert text[2] == f"The last poll did not see all: no whole answer from 24c57182. {OLDER}"
    assert digest(house.con, "markdown").splitlines()[2] == f"> {text[2]}"
