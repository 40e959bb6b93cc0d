"""The health table and the list of errors, as rows of words with what their filter and sorting need.

Charts and their tables belong to sections.py.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelines.console import number_format
from pipelines.database.sql_text import Row
from pipelines.report.elements import (
    DEFAULT_MODEL,
    NOT_OBSERVED,
    Word,
    account_label,
    coverage,
    instant,
    money,
    rate,
    task_link,
    task_names,
)

# The colour of each state; the state itself stands beside it as a word.
TONES = {"failing": "bad", "flaky": "warn", "silent": "warn", "ok": "good"}


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the table: its text, a second line, and what to sort by (a cell without a value comes last)."""

    text: str
    below: str = ""
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One task: its state, what the search looks in, what the filter looks for, and its cells."""

    task_id: str
    title: str
    head: Word
    below: str
    state: str
    tone: str
    streak: str
    words: str
    marks: str
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Error:
    """One group of errors."""

    name: str
    message: str
    sample: str
    share: str
    runs: str
    week: str
    hit: str
    wasted: str
    first_day: str
    last_day: str
    is_new: bool


COLUMNS = ("State", "Last run", "Fails, 7 days", "Fails, 30 days", "Spend, 30 days", "Next due", "Known")


def board(rows: Sequence[Row]) -> list[Line]:
    """One line per task, in the order of the rows. What is known of most tasks is said once, above the board."""
    names, usual = task_names(rows), usually_known(rows)
    return [_line(row, names[row["task_id"]], usual) for row in rows]


def usually_known(rows: Sequence[Row]) -> str:
    """Say how completely most tasks are known."""
    words = Counter(coverage(row, "_30d") for row in rows)
    return words.most_common(1)[0][0] if words else ""


def _line(row: Row, name: str, usual: str) -> Line:
    now, streak = row["state"].replace("_", " "), row["failure_streak_count"] or 0
    model = row["model"] or DEFAULT_MODEL
    below = " · ".join(filter(None, [row["schedule"], row["timezone"], model, row["artist_name"], _owner(row)]))
    searched = (
        row["title"],
        row["task_id"],
        row["account_id"],
        row["account_name"],
        row["artist_name"],
        row["schedule"],
        model,
    )
    return Line(
        task_id=row["task_id"],
        title=name,
        head=task_link(row["task_id"], name),
        below=below,
        state=now,
        tone=TONES.get(now, "quiet"),
        streak=f"{streak:,} failed in a row" if streak > 1 else "",
        words=" ".join(text.lower() for text in searched if text),
        marks=" ".join(mark.replace(" ", "-") for mark in _marks(row, now)),
        cells=_cells(row, usual),
    )


def _marks(row: Row, now: str) -> Iterator[str]:
    """Yield what the filter can look for: the state, and what else is wrong."""
    yield now
    if row["runs_missing_count_30d"]:
        yield "missing"
    if row["failed_count_7d"]:
        yield "failed"


def _owner(row: Row) -> str:
    return f"account {account_label(row['account_id'], row['account_name'])}" if row["account_id"] else ""


def _cells(row: Row, usual: str) -> list[Cell]:
    last = row["last_run_at"]
    wasted = row["wasted_cents_30d"]
    known = coverage(row, "_30d")
    return [
        Cell(instant(last), (row["last_outcome"] or "").replace("_", " "), _seconds(last)),
        _rate(row, "7d"),
        _rate(row, "30d"),
        Cell(
            money(row["total_cents_30d"]),
            f"{money(wasted)} wasted" if wasted else "",
            None if row["total_cents_30d"] is None else float(row["total_cents_30d"]),
        ),
        Cell(instant(row["next_tick_at"]), "overdue" if row["is_overdue"] else "", _seconds(row["next_tick_at"])),
        Cell("" if known == usual else known, "", row["runs_missing_count_30d"]),
    ]


def _rate(row: Row, window: str) -> Cell:
    ratio, low, high = (row[f"failure_ratio{bound}_{window}"] for bound in ("", "_low", "_high"))
    n = row[f"n_{window}"]
    below = f"{row[f'failed_count_{window}']:,} of {n:,}" if n else ""
    # Sorted like every list that ranks: by the lower bound.
    return Cell(rate(ratio, low, high), below, low)


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def errors(rows: Sequence[Row]) -> list[Error]:
    """The groups of errors, in the order of the rows."""
    return [_error(row) for row in rows]


def _error(row: Row) -> Error:
    unseen = f"{NOT_OBSERVED} ({', '.join(row['statuses'] or [])})"
    return Error(
        name=row["error_name"] or "",
        message=row["normalised_message"] or unseen if row["is_error_observed"] else unseen,
        sample=row["sample_message"] or "",
        share=rate(row["share_ratio_30d"], row["share_ratio_low_30d"], row["share_ratio_high_30d"]),
        runs=f"{row['run_count']:,}",
        week=f"{row['run_count_7d']:,}",
        hit=f"{number_format.count(row['task_count'], 'task')}, {number_format.count(row['account_count'], 'account')}",
        wasted=money(row["wasted_cents"]),
        first_day=f"{row['first_seen_at']:%Y-%m-%d}",
        last_day=f"{row['last_seen_at']:%Y-%m-%d}",
        is_new=bool(row["is_new_this_week"] and row["is_error_observed"]),
    )
