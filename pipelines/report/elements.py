"""The parts of the page (table, chart with title, card), and how values become words in them.

What is asked belongs to queries.py, how a chart is drawn to charts.py.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from pipelines.console import number_format
from pipelines.console.one_line import one_line
from pipelines.database.sql_text import Row

NOT_OBSERVED = "not observed"
NO_RUN_ENDED = "no run ended"
DEFAULT_MODEL = "(the server's default)"
NO_TASK = "(task not known)"
NO_ACCOUNT = "(account not known)"
NO_TITLE = "(untitled)"

UUID_LENGTH, UUID_HYPHENS = 36, 4

COVERAGE_WORDS = {
    "complete": "complete",
    "gap": "runs are missing",
    "unknown": "not known whole",
    "not_observed_that_long": "not observed that long",
}


@dataclass(frozen=True, slots=True)
class Link:
    """A word that leads to another place of the page."""

    text: str
    href: str


Word = str | Link


@dataclass(frozen=True, slots=True)
class Table:
    """A table for reading; columns whose position is in `numeric` are set to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Word]]
    numeric: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with its title, its explanation and the numbers behind it. Without a spec it says why there is none."""

    name: str
    title: str
    caption: str
    table: Table
    spec: dict[str, Any] | None
    nothing: str = "Nothing to show yet."
    legend: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """A table that stands for itself, with its title and its explanation. Without rows it says what that means."""

    name: str
    title: str
    caption: str
    table: Table
    nothing: str


def rate(ratio: float | None, low: float | None, high: float | None) -> str:
    """Write a ratio with its interval."""
    if ratio is None:
        return NO_RUN_ENDED
    point, bounds = number_format.estimate(ratio, low, high)
    return f"{point} ({bounds})"


def with_unseen(row: Row) -> str:
    """Write how far a ratio reaches with the runs that nobody saw: as modelled, and in the best and the worst case."""
    if row["failure_ratio_modelled_low"] is None:
        return NOT_OBSERVED
    modelled, extremes = (
        number_format.estimate(row["failure_ratio"], row[f"failure_ratio_{low}"], row[f"failure_ratio_{high}"])[1]
        for low, high in (("modelled_low", "modelled_high"), ("least", "most"))
    )
    return f"{modelled} (all of them good or bad: {extremes})"


def money(cents: Decimal | None) -> str:
    """Write an amount; an amount that is not known is not zero."""
    return NOT_OBSERVED if cents is None else number_format.money(cents)


def known_money(cents: Decimal | None, unpriced_count: int) -> str:
    """Write a sum of costs of which some may be unknown: it is a lower bound then."""
    is_known = cents if unpriced_count else cents is not None
    return number_format.known_money(cents, unpriced_count) if is_known else NOT_OBSERVED


def share(ratio: float | None) -> str:
    """Write a ratio that has no interval, like a share of money."""
    return NOT_OBSERVED if ratio is None else number_format.share(ratio)


def coverage(row: Row, suffix: str = "") -> str:
    """Write how completely something is known."""
    missing = row[f"runs_missing_count{suffix}"]
    if missing:
        return f"{number_format.count(missing, 'run')} missing"
    return COVERAGE_WORDS.get(row[f"coverage_status{suffix}"], NOT_OBSERVED)


def task_names(rows: Iterable[Row]) -> dict[str | None, str]:
    """Name each task by its title, and tasks of one title apart by the beginning of their ids."""
    titles = {row["task_id"]: title(row) for row in rows}
    times = Counter(titles.values())
    return {
        task_id: text if times[text] == 1 or task_id is None else f"{text} · {task_id[:8]}"
        for task_id, text in titles.items()
    }


def task_link(task_id: str | None, text: str) -> Word:
    """Lead to the part of a task; runs of which the task is not known have none."""
    return text if task_id is None else Link(text, f"#task={quote(task_id, safe='')}")


def account_label(account_id: str | None, name: str | None = None) -> str:
    """Name an account: as people call it, else by the beginning of its id, which stays the same; other texts stay whole."""
    label = one_line(account_id)
    is_uuid = len(label) == UUID_LENGTH and label.count("-") == UUID_HYPHENS
    return one_line(name) or (label[:8] if is_uuid else label) or NO_ACCOUNT


def account_labels(accounts: Sequence[tuple[str | None, str | None]]) -> list[str]:
    """Name accounts, given by id and name, apart: where two would be called the same, their whole ids follow."""
    labels = [account_label(*account) for account in accounts]
    times = Counter(labels)
    return [
        label if times[label] == 1 else f"{label} ({one_line(account_id)})"
        for label, (account_id, _) in zip(labels, accounts, strict=True)
    ]


def title(row: Row) -> str:
    """Write a task's title on one line; where there is none, say so."""
    if row["task_id"] is None:
        return NO_TASK
    return one_line(row["title"]) or NO_TITLE


def day_words(row: Row) -> str:
    """Write a day as the tooltip of a chart does."""
    return f"{row['date']:%a %d %b %Y}" + (", not over" if row.get("is_today") else "")


def instant(at: Any) -> str:
    """Write an instant to the minute."""
    return number_format.NOTHING if at is None else number_format.moment(at)
