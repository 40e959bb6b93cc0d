"""What must be known in five seconds: the facts of the first block, each beside the week before, each with its evidence.

The page and the digest show the same facts; how they look belongs to the template and to digest.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from pipelines.console import number_format
from pipelines.console.one_line import one_line
from pipelines.database.sql_text import Row
from pipelines.report.elements import NOT_OBSERVED, known_money, share, title
from pipelines.report.queries import First

NO_WEEK_BEFORE = "no whole week before to compare"
NAMED = 2


@dataclass(frozen=True, slots=True)
class Fact:
    """One number, what it was a week ago, and where the evidence stands; `tone` is bad, warn, good or plain."""

    name: str
    title: str
    value: str
    before: str
    text: str
    href: str
    tone: str = "plain"


def facts(first: First) -> list[Fact]:
    """Return the facts in the order in which a morning needs them."""
    return [
        _incidents(first),
        _failing(first),
        _missed(first.glance),
        _new_errors(first.glance),
        _spend(first.glance),
        _complete(first.glance),
    ]


def _incidents(first: First) -> Fact:
    number = first.glance["open_count"]
    text = _named([one_line(row["title"]) for row in first.incidents], number) or "nothing is known to be wrong"
    before = _before(first.glance, f"{first.glance['open_before_count']:,} a week ago")
    return Fact("incidents", "Open incidents", f"{number:,}", before, text, "#incidents", "bad" if number else "good")


def _failing(first: First) -> Fact:
    names = [title(row) for row in first.health if row["state"] == "failing"]
    number = len(names)
    text = _named(names, number) or "no task fails"
    before = _before(first.glance, f"{first.glance['failing_before_count']:,} a week ago")
    return Fact("failing", "Failing now", f"{number:,}", before, text, "#show=failing", "bad" if number else "good")


def _named(names: Sequence[str], number: int) -> str:
    shown = names[:NAMED]
    return ", ".join(shown) + (f" and {number - len(shown):,} more" if number > len(shown) else "")


def _missed(glance: Row) -> Fact:
    number = glance["missed_count"]
    silent = f"; {number_format.count(glance['silent_count'], 'task')} silent now" if glance["silent_count"] else ""
    due, judged = glance["due_count"], glance["judged_count"]
    if not judged:
        text = "nothing was due" if not due else "of no due run can be told whether it came"
        return Fact("missed", "Schedules missed, 7 days", "–", "", text + silent, "#schedule")
    open_ones = f"; whether {due - judged:,} more came nobody can tell" if due > judged else ""
    text = f"of {judged:,} due runs{open_ones}{silent}"
    before = _before(glance, f"{glance['missed_before_count']:,} the week before")
    tone = "warn" if number or silent else "good"
    return Fact("missed", "Schedules missed, 7 days", f"{number:,}", before, text, "#schedule", tone)


def _new_errors(glance: Row) -> Fact:
    if glance["is_too_young"]:
        text = "no run older than a week is known, so every error would be new"
        return Fact("errors", "New errors, 7 days", "–", "", text, "#errors")
    number = glance["new_count"]
    before = _before(glance, f"{glance['new_before_count']:,} the week before")
    text = "first seen this week" if number else "no error that was not there before"
    return Fact("errors", "New errors, 7 days", f"{number:,}", before, text, "#errors", "warn" if number else "good")


def _spend(glance: Row) -> Fact:
    tone = "bad" if glance["over_count"] else "warn" if glance["will_be_over_count"] else "plain"
    value = _sum(glance["total_cents"], glance["unpriced_count"])
    past = _sum(glance["total_before_cents"], glance["unpriced_before_count"])
    before = _before(glance, f"{past} the week before")
    if not glance["run_count"] and not glance["month_usd"]:
        return Fact("spend", "Spend, 7 days", "–", "", "no cost was told yet", "#money")
    unpriced = glance["unpriced_count"]
    untold = f"of {number_format.count(unpriced, 'run')} no cost was told; " if unpriced else ""
    value = "–" if value == NOT_OBSERVED else value
    return Fact("spend", "Spend, 7 days", value, before, untold + _month(glance), "#money", tone)


def _sum(cents: Decimal | None, unpriced: int) -> str:
    # A week without runs cost nothing; one whose costs nobody told is not known.
    return known_money(cents if unpriced else cents or Decimal(0), unpriced)


def _month(glance: Row) -> str:
    month = f"{glance['month']:%B}" if glance["month"] else "the month"
    names = {f"{month} so far": "month_usd", "forecast": "forecast_usd"}
    said = [f"{name} {_usd(glance[column], glance['month_unpriced_count'])}" for name, column in names.items()]
    if glance["budget_usd"] is None:
        said.append("no budget set")
    else:
        rest = glance["without_budget_count"]
        others = f" (without {number_format.count(rest, 'account')} that has none)" if rest else ""
        said.append(f"budget {_usd(glance['budget_usd'])}{others}")
    for number, words in ((glance["over_count"], "over budget"), (glance["will_be_over_count"], "will be over")):
        if number:
            said.append(f"{number_format.count(number, 'account')} {words}")
    return ", ".join(said)


def _complete(glance: Row) -> Fact:
    seen, missing = glance["run_count"], glance["runs_missing_count"]
    unknown = glance["unknown_task_count"]
    open_ones = f"of {number_format.count(unknown, 'task')} nobody can tell" if unknown else ""
    if not seen + missing:
        return Fact("complete", "Runs seen, 7 days", "–", "", open_ones or "no run was due", "#known")
    lost = f"{number_format.count(missing, 'run')} came and went unseen" if missing else "none is known to be missing"
    past = glance["run_before_count"] + glance["runs_missing_before_count"]
    before = _before(glance, f"{share(glance['run_before_count'] / past)} the week before") if past else ""
    text = "; ".join(filter(None, [lost, open_ones]))
    tone = "warn" if missing else "plain" if unknown else "good"
    return Fact("complete", "Runs seen, 7 days", share(seen / (seen + missing)), before, text, "#known", tone)


def _before(glance: Row, text: str) -> str:
    return text if glance["is_comparable"] else NO_WEEK_BEFORE


def _usd(amount: Decimal | None, unpriced: int = 0) -> str:
    return known_money(None if amount is None else amount * 100, unpriced)


def lines(facts_: Sequence[Fact]) -> list[str]:
    """Write each fact as a sentence."""
    return [
        f"{fact.title}: {fact.value}" + (f" ({fact.before})" if fact.before else "") + f"; {fact.text}"
        for fact in facts_
    ]
