"""The first block: each fact beside the week before, and the same facts in words, in which titles cannot mean anything."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from pipelines.console.summary import summary_lines
from pipelines.report.digest import digest
from pipelines.report.elements import NOT_OBSERVED
from pipelines.report.glance import NO_WEEK_BEFORE, Fact, facts
from pipelines.report.queries import ask_first
from tests.support import report_worlds as worlds
from tests.support.warehouse_builder import NOW, WarehouseBuilder

pytestmark = pytest.mark.xdist_group("report")

DAILY = {"schedule": "0 9 * * *", "timezone": "UTC", "schedule_id": "s"}


def seen(house: WarehouseBuilder) -> dict[str, Fact]:
    house.build()
    return {fact.name: fact for fact in facts(ask_first(house.con))}


def with_runs(house: WarehouseBuilder, task_id: str, days: Iterable[int], **fields: Any) -> None:
    for day in days:
        at = (NOW.replace(hour=9) - timedelta(days=day)).isoformat()
        house.run(f"{task_id}-{day}", task_id, created_at=at, started_at=at, **fields)


FAILED = {"outcome": "failed", "status": "FAILED", "details_observed_at": "2026-08-20T11:00:00Z"}


@pytest.fixture(scope="module")
def fortnight() -> dict[str, Fact]:
    """One task fails since three days, one failed a week ago and does not now; two runs were missed, one got lost."""
    house = WarehouseBuilder()
    for task_id in ("sick", "cured"):
        house.task(task_id, title=f"The {task_id} one", account_id="a", **DAILY)
    with_runs(house, "sick", (*range(3, 6), *range(7, 20)))
    with_runs(house, "sick", range(3), **FAILED, error_name="NewError", error_message="never seen before")
    with_runs(house, "cured", range(7))
    with_runs(house, "cured", range(7, 10), **FAILED, error_name="OldError", error_message="last week's")
    with_runs(house, "cured", (*range(10, 12), *range(13, 20)))
    house.run("plain", "cured", created_at="2026-08-19T15:00:00Z", **(FAILED | {"details_observed_at": None}))
    house.run("well", "cured", created_at="2026-08-19T16:00:00Z")
    house.gap("2026-08-16T15:00:00Z", task_id="cured", from_at="2026-08-16T14:00:00Z", to_at="2026-08-16T16:00:00Z")
    house.rows("budgets", {"account_id": "a", "monthly_budget_usd": "0.001", "warn_ratio": 0.8})
    return seen(house)


@pytest.mark.slow
def test_open_incidents_come_first_and_are_listed() -> None:
    house = WarehouseBuilder().task()
    common = {"kind": "task_silent", "cause": "3 ticks", "state": "open"}
    for number, (opened, closed) in enumerate(
        (("08-01", None), ("08-19", None), ("08-02", "08-19"), ("08-02", "08-03"))
    ):
        times = {name: day and f"2026-{day}T00:00:00Z" for name, day in (("opened_at", opened), ("closed_at", closed))}
        house.rows("incidents", common | times | {"incident_id": f"i{number}", "title": f"Number {number}"})
    house.build()
    first = ask_first(house.con)
    fact = facts(first)[0]
    assert (fact.name, fact.value, fact.before) == ("incidents", "2", "2 a week ago")
    assert fact.text == "Number 1, Number 0"
    assert [row["title"] for row in first.incidents] == ["Number 1", "Number 0"]


@pytest.mark.slow
def test_the_board_begins_with_what_needs_somebody() -> None:
    """A task that failed often weeks ago and never since stands below one that is silent and never failed."""
    house = WarehouseBuilder().task("gone", deleted_at="2026-08-19T00:00:00Z", **DAILY)
    for task_id in ("cured", "silent", "sick"):
        house.task(task_id, **DAILY)
    with_runs(house, "cured", range(10, 25), **FAILED)
    with_runs(house, "cured", range(10))
    with_runs(house, "sick", range(3), **FAILED)
    house.build()
    assert [(row["task_id"], row["state"]) for row in ask_first(house.con).health] == [
        ("sick", "failing"),
        ("silent", "silent"),
        ("cured", "ok"),
        ("gone", "deleted"),
    ]


@pytest.mark.slow
def test_failing_now_names_the_tasks(fortnight: dict[str, Fact]) -> None:
    fact = fortnight["failing"]
    assert (fact.value, fact.before, fact.text, fact.tone) == ("1", "1 a week ago", "The sick one", "bad")
    assert fact.href == "#show=failing"


@pytest.mark.slow
def test_schedules_missed_stand_beside_the_week_before(fortnight: dict[str, Fact]) -> None:
    fact = fortnight["missed"]
    assert (fact.value, fact.before, fact.tone) == ("1", "1 the week before", "warn")
    assert fact.text == "of 14 due runs"


def test_an_error_is_new_only_when_it_was_observed(fortnight: dict[str, Fact]) -> None:
    fact = fortnight["errors"]
    assert (fact.value, fact.before) == ("1", "1 the week before")


def test_spend_stands_beside_forecast_and_budget(fortnight: dict[str, Fact]) -> None:
    fact = fortnight["spend"]
    assert fact.before == "0.55 ¢ the week before"
    assert fact.text.startswith("August so far 1.7 ¢, forecast ")
    assert fact.text.endswith(", budget 0.1 ¢, 1 account over budget")
    assert fact.tone == "bad"


@pytest.mark.slow
def test_a_sum_of_which_some_costs_are_untold_says_so() -> None:
    house = WarehouseBuilder().task(account_id="a", **DAILY)
    with_runs(house, "t", range(20))
    house.run("untold", created_at="2026-08-19T15:00:00Z", compute_cents=None, invocation_cents=None)
    fact = seen(house)["spend"]
    assert (fact.value, fact.before) == ("0.3 ¢ or more", "0.3 ¢ the week before")
    assert fact.text.startswith("of 1 run no cost was told; August so far 0.85 ¢ or more, forecast ")
    assert "of 1 run no cost was told" in digest(house.con, "text")
    [spend] = [line for line in summary_lines(house.con) if "wasted" in line]
    assert "0.85 ¢ or more, of it $0 (0 %) wasted on failed runs; of 1 run no cost was told" in spend


@pytest.mark.slow
def test_costs_that_nobody_told_are_no_zero() -> None:
    house = WarehouseBuilder().task(account_id="a", observed_from_at="2026-08-01T00:00:00Z")
    with_runs(house, "t", range(9), compute_cents=None, invocation_cents=None)
    fact = seen(house)["spend"]
    assert (fact.value, fact.before) == ("–", f"{NOT_OBSERVED} the week before")
    assert fact.text.startswith(f"of 7 runs no cost was told; August so far {NOT_OBSERVED}, forecast {NOT_OBSERVED}")
    assert any(line.endswith("not observed") and "spend" in line for line in summary_lines(house.con))


def test_completeness_counts_what_was_lost(fortnight: dict[str, Fact]) -> None:
    fact = fortnight["complete"]
    assert (fact.value, fact.before, fact.tone) == ("94 %", "100 % the week before", "warn")
    assert fact.text == "1 run came and went unseen"


@pytest.mark.slow
def test_a_young_warehouse_compares_with_nothing() -> None:
    house = WarehouseBuilder().task(observed_from_at="2026-08-15T00:00:00Z", **DAILY)
    with_runs(house, "t", range(4))
    told = seen(house)
    assert {told[name].before for name in ("failing", "missed", "spend")} == {NO_WEEK_BEFORE}
    assert told["errors"].value == "0"
    assert "1 failed" not in told["errors"].text


@pytest.mark.slow
def test_an_empty_warehouse_has_facts_without_numbers() -> None:
    told = {fact.name: fact for fact in facts(worlds.empty().first)}
    assert {name: fact.value for name, fact in told.items()} == dict.fromkeys(("missed", "spend", "complete"), "–") | {
        "incidents": "0",
        "failing": "0",
        "errors": "0",
    }


@pytest.fixture(scope="module")
def house() -> WarehouseBuilder:
    title = "[x](http://evil.example) <img> @all *b* `c` | \n# head\u2028"
    house = WarehouseBuilder().task(title=title, account_id="a", **DAILY)
    with_runs(house, "t", range(2), **FAILED)
    house.build()
    return house


class TestDigest:
    @pytest.mark.slow
    def test_says_each_fact_in_a_line(self, house: WarehouseBuilder) -> None:
        lines = digest(house.con, "text", "https://example.com/r").splitlines()
        assert lines[0] == "Recoup fleet, as of 2026-08-20 12:00 UTC"
        assert [line.partition(":")[0] for line in lines[2:8]] == [
            "Open incidents", "Failing now", "Schedules missed, 7 days",
            "New errors, 7 days", "Spend, 7 days", "Runs seen, 7 days",
        ]  # fmt: skip
        assert lines[9:] == ["The report: https://example.com/r"]

    @pytest.mark.slow
    def test_a_title_means_nothing_in_markdown(self, house: WarehouseBuilder) -> None:
        line = digest(house.con, "markdown").splitlines()[3]
        assert line.startswith("- **Failing now: 1** (")
        assert line.endswith(r"\[x\](http:&#47;&#47;evil.example) &lt;img&gt; &#64;all \*b\* \`c\` \| # head")

    def test_links_to_the_page_when_told_where(self, house: WarehouseBuilder) -> None:
        assert digest(house.con, link="https://example.com/r").endswith("\n[The report](<https://example.com/r>)\n")
        assert "The report" not in digest(house.con)
