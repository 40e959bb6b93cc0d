"""The part that each task has on the page: its days, runs, errors, changes and ticks, as words for tables.

The page keeps them as data and shows one part at a time (templates/page.js); the board belongs to health_table.py.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from pipelines.console import number_format
from pipelines.console.one_line import one_line
from pipelines.database.sql_text import Row
from pipelines.report.changes import change_row
from pipelines.report.elements import NOT_OBSERVED, coverage, instant, money
from pipelines.report.queries import PART_DAYS, PART_ROWS, Parts

Rows = list[list[str]]
MESSAGE_LENGTH = 160


def headings() -> list[dict[str, Any]]:
    """Name each table of a part and its columns, and say what an empty one means; `list` ones fold on a small screen."""
    return [
        _heading(f"Last {PART_DAYS} days", "Day,Succeeded,Failed,Spend,Known", "No day of it was observed."),
        _heading(f"Last {PART_ROWS} runs", "Created,Outcome,Time,Spend,Attempts,Error,Run", "No run was seen.", "list"),
        _heading("Errors, 30 days", "Error,Runs,Newest", "No counted run failed."),
        _heading(
            "Changes of model, prompt or schedule",
            "When,What,Failures,Spend per run",
            "None was seen since it was met.",
            "list",
        ),
        _heading("Late or missed, 30 days", "Due,What happened", "None, as far as runs were seen."),
    ]


def _heading(title: str, columns: str, nothing: str, kind: str = "") -> dict[str, Any]:
    return {"title": title, "columns": columns.split(","), "nothing": nothing, "kind": kind}


def parts(asked: Parts) -> dict[str, list[Rows]]:
    """Return the rows of each task's tables, in the order of `headings`."""
    kinds: list[tuple[list[Row], Callable[[Row], list[str]]]] = [
        (asked.days, _day),
        (asked.runs, _run),
        (asked.errors, _error),
        (asked.changes, lambda row: list(change_row(row))),
        (asked.ticks, _tick),
    ]
    made: dict[str, list[Rows]] = defaultdict(lambda: [[] for _ in kinds])
    for place, (rows, words) in enumerate(kinds):
        for row in rows:
            made[row["task_id"]][place].append(words(row))
    return dict(made)


def _day(row: Row) -> list[str]:
    counts = (f"{row['succeeded_count']:,}", f"{row['failed_count']:,}")
    return [f"{row['date']}", *counts, money(row["total_cents"]), coverage(row)]


def _run(row: Row) -> list[str]:
    test = " (test)" if row["is_test"] else ""
    attempts = number_format.NOTHING if row["attempt_count"] is None else f"{row['attempt_count']:,}"
    return [
        instant(row["created_at"]),
        row["outcome"].replace("_", " ") + test,
        number_format.duration(row["duration_ms"]),
        money(row["total_cents"]),
        attempts,
        _message([row["error_name"], row["message"]]),
        row["run_id"],
    ]


def _error(row: Row) -> list[str]:
    said = _message([row["error_name"], row["message"]]) or f"{NOT_OBSERVED} ({row['status']})"
    return [said, f"{row['run_count']:,}", instant(row["last_seen_at"])]


def _tick(row: Row) -> list[str]:
    late = row["lateness_seconds"]
    by = "it ended without having started" if late is None else number_format.duration(late * 1000)
    return [instant(row["tick_at"]), "missed" if row["status"] == "missed" else f"late: {by}"]


def _message(texts: Sequence[str | None]) -> str:
    text = one_line(" ".join(filter(None, texts)))
    return text if len(text) <= MESSAGE_LENGTH else text[: MESSAGE_LENGTH - 1] + "…"
