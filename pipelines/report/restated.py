"""What is told otherwise than a week ago, and why, as a table of words.

Which number changed by what cause belongs to sql/restatements.
"""

from pipelines.console import number_format
from pipelines.database.sql_text import Row
from pipelines.report.elements import Listing, Table, instant
from pipelines.report.queries import Answers

MEASURES = {"failed": "failed runs", "runs": "runs", "missing": "missing runs", "cents": "spend"}
CAUSES = {
    "late_status": "a run ended, or changed, after that",
    "fetched_detail": "details were fetched",
    "late_run": "a run showed only later",
    "recovered_run": "a run was found after all",
    "new_gap": "a hole was found",
    "healed_gap": "a hole holds fewer than thought",
    "deletion": "the task was deleted",
    "moved_task": "a run is of another task",
    "zone_setting": "another time zone cuts days",
    "edited_sql": "SQL was edited",
    "product_version": "another version of the program",
    "lost_poll": "a poll was lost",
    "unexplained": "nobody can tell: see the runbook",
}


def restatements(answers: Answers) -> Listing:
    """What changed since last week."""
    rows = answers.restatements
    since = f" on {instant(rows[0]['published_at'])}" if rows else ""
    table = Table(
        ("What", "By", "Why", "Days"),
        [(MEASURES[row["measure"]], _change(row), CAUSES[row["cause"]], _days(row)) for row in rows],
        frozenset({1}),
    )
    return Listing(
        "restatements",
        "Changed since last week",
        f"What is told otherwise now than{since or ' a week ago'}, of days that had ended then. Causes add up to the "
        "difference; each number is in marts.restatements_daily.",
        table,
        "No number of a day that had ended then has changed.",
    )


def _change(row: Row) -> str:
    value = row["change_value"]
    size = number_format.money(abs(value)) if row["measure"] == "cents" else f"{abs(value):,.0f}"
    return f"{'+' if value > 0 else '-' if value < 0 else '±'}{size}"


def _days(row: Row) -> str:
    days = number_format.count(row["day_count"], "day")
    span = f"{row['first_date']}" if row["day_count"] == 1 else f"{row['first_date']} to {row['last_date']}"
    return span if row["day_count"] == 1 else f"{days}, {span}"
