"""The charts of failures, completeness and schedules, each with its title, its caption, and the table of its numbers.

How a chart is drawn belongs to charts.py; money to spending.py; the health table and the errors to health_table.py.
"""

from pipelines.console import number_format
from pipelines.console.cause_words import CAUSE_WORDS
from pipelines.database.sql_text import Row
from pipelines.report import charts, rate_charts
from pipelines.report.chart_style import PAGE
from pipelines.report.elements import (
    Figure,
    Table,
    coverage,
    instant,
    rate,
    share,
    task_link,
    task_names,
    with_unseen,
)
from pipelines.report.queries import HEAT_TASKS_SHOWN, WINDOW_DAYS, Answers


def window(answers: Answers) -> str:
    """Say how many days there are, where they are fewer than the window."""
    return f"last {number_format.count(min(answers.totals['day_count'], WINDOW_DAYS), 'day')}"


def failure(answers: Answers) -> Figure:
    """Failure rate over time."""
    days = [row for row in answers.days if row["n"]]
    table = Table(
        ("Day", "Failed", "Of", "Rate (95 % interval)", "Known"),
        [
            (f"{row['date']}", f"{row['failed_count']:,}", f"{row['n']:,}", _rate(row), coverage(row))
            for row in reversed(answers.days)
        ],
        frozenset({1, 2, 3}),
    )
    return Figure(
        "failure",
        "Failure rate by day",
        "Failed runs of all that succeeded or failed, test runs left out; the band says how far so few runs can mislead. "
        "Today is not over, so it stands apart.",
        table,
        rate_charts.failure_over_time(answers.days, PAGE) if days else None,
        "No run has ended yet.",
    )


def completeness(answers: Answers) -> Figure:
    """Whether each day was seen whole."""
    table = Table(
        ("Day", "Runs seen", "Runs missing", "Seen", "State"),
        [
            (
                f"{row['date']}",
                f"{row['run_count']:,}",
                f"{row['runs_missing_count']:,}",
                share(row["coverage_ratio"]) if row["coverage_ratio"] is not None else "no run was due",
                coverage(row),
            )
            for row in reversed(answers.days)
        ],
        frozenset({1, 2, 3}),
    )
    return Figure(
        "completeness",
        "How far to trust each day",
        "On days with missing runs the rate above may be too high or too low. Today is open until it is over.",
        table,
        charts.completeness_band(answers.days, PAGE) if any(row["task_count"] for row in answers.days) else None,
        "No day has been observed yet.",
        charts.known_legend(PAGE),
    )


def worst(answers: Answers) -> Figure:
    """The tasks that fail most, by the lower bound of their rate."""
    names = task_names(answers.worst)
    rows = [(names[row["task_id"]], row) for row in answers.worst]
    table = Table(
        ("Task", "Failed", "Of", "Rate (95 % interval)", "Runs missing", "With what was not seen"),
        [
            (
                task_link(row["task_id"], name),
                f"{row['failed_count']:,}",
                f"{row['n']:,}",
                _rate(row),
                f"{row['runs_missing_count']:,}",
                with_unseen(row),
            )
            for name, row in rows
        ],
        frozenset({1, 2, 3, 4, 5}),
    )
    return Figure(
        "worst",
        f"Tasks that fail most, {window(answers)}",
        "The bar says how far so few runs can mislead; its lower end ranks, so that one failure in one run does not lead. "
        "The thin line goes further where runs were not seen: it holds what they let expect.",
        table,
        rate_charts.worst_tasks(rows, PAGE) if rows else None,
        "No task failed, as far as its runs were seen.",
    )


def adherence(answers: Answers) -> Figure:
    """Task by day: did runs come when they were due?"""
    names = task_names(answers.adherence)
    tasks = {row["task_id"]: row for row in answers.adherence}
    drawn = [(names[row["task_id"]], row) for row in answers.adherence if row["task_rank"] <= HEAT_TASKS_SHOWN]
    table = Table(
        ("Task", "On time", "Of", "Rate (95 % interval)", "Late", "Missed", "Nobody can tell"),
        [(task_link(task_id, names[task_id]), *_punctuality(row)) for task_id, row in tasks.items()],
        frozenset({1, 2, 3, 4, 5, 6}),
    )
    part = f" The {HEAT_TASKS_SHOWN} least punctual of {len(tasks):,} tasks." if len(tasks) > HEAT_TASKS_SHOWN else ""
    return Figure(
        "adherence",
        f"Schedule adherence, {window(answers)}",
        "Share of due ticks whose run started within two minutes. Least punctual first; days without a due tick are blank. "
        "On time says nothing about success." + part,
        table,
        charts.adherence(drawn, PAGE) if drawn else None,
        "No task has been due yet.",
        charts.heat_legend(PAGE),
    )


def causes(answers: Answers) -> Figure:
    """What slipped past the polls, why, and how much of it was found again."""
    table = Table(
        ("Cause", "Holes", "Runs slipped", "Found again", "Still missing", "First", "Last"),
        [
            (
                CAUSE_WORDS[row["cause"]],
                _gap_count(row),
                f"{row['slipped_count']:,}",
                f"{row['recovered_count']:,}",
                f"{row['missing_count']:,}",
                instant(row["first_at"]),
                instant(row["last_at"]),
            )
            for row in answers.causes
        ],
        frozenset({1, 2, 3, 4}),
    )
    return Figure(
        "causes",
        "What slipped past the polls, and why",
        "Counted by cron: runs that were due and could not be seen. Some were found again through the runs endpoint.",
        table,
        charts.missing_by_cause(answers.causes, PAGE) if answers.causes else None,
        "No run is known to have slipped past the polls.",
        charts.cause_legend(PAGE),
    )


def _gap_count(row: Row) -> str:
    unknown = row["unknown_gap_count"]
    return f"{row['gap_count']:,} ({unknown:,} of unknown size)" if unknown else f"{row['gap_count']:,}"


def _punctuality(row: Row) -> tuple[str, ...]:
    bounds = (row["task_adherence_low"], row["task_adherence_high"])
    said = "nothing to judge" if row["task_adherence_ratio"] is None else rate(row["task_adherence_ratio"], *bounds)
    counts = (row["task_late_count"], row["task_missed_count"], row["task_unobservable_count"])
    return (f"{row['task_on_time_count']:,}", f"{row['task_n']:,}", said, *(f"{count:,}" for count in counts))


def _rate(row: Row) -> str:
    return rate(row["failure_ratio"], row["failure_ratio_low"], row["failure_ratio_high"])
