"""The charts of the page, each with its title, its caption, and the table of the numbers behind it.

How a chart is drawn belongs to charts.py; the health table and the errors to health_table.py.
"""

from collections.abc import Sequence

from pipelines.console import number_format
from pipelines.console.cause_words import CAUSE_WORDS
from pipelines.database.sql_text import Row
from pipelines.report import charts
from pipelines.report.chart_style import PAGE, spend_legend
from pipelines.report.elements import (
    DEFAULT_MODEL,
    NO_ACCOUNT,
    Figure,
    Table,
    coverage,
    instant,
    money,
    one_line,
    rate,
    share,
    task_names,
)
from pipelines.report.queries import (
    ACCOUNTS_SHOWN,
    HEAT_TASKS_SHOWN,
    MODELS_SHOWN,
    WINDOW_DAYS,
    Answers,
)

NOT_THE_MODEL = "Trigger.dev compute and invocation only, not the language model's bill."
WINDOW = f"last {WINDOW_DAYS} days"


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
        "Failed runs of all that succeeded or failed; the band is the 95 % interval that so few runs allow. "
        "Test runs and other environments are left out.",
        table,
        charts.failure_over_time(answers.days, PAGE) if days else None,
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


def spend(answers: Answers) -> list[Figure]:
    """Spend by day, by model, by account."""
    return [_spend_by_day(answers), *_spend_by(answers)]


def _spend_by_day(answers: Answers) -> Figure:
    table = Table(
        ("Day", "Runs", "Spend", "Of it wasted", "Wasted share", ""),
        [
            (f"{row['date']}", f"{row['run_count']:,}", *_money(row), "" if row["is_final"] else "still grows")
            for row in reversed(answers.days)
        ],
        frozenset({1, 2, 3, 4}),
    )
    return Figure(
        "spend-days",
        f"Spend by day, last {number_format.count(len(answers.days), 'day')}",
        NOT_THE_MODEL + " Wasted is the whole cost of runs that failed.",
        table,
        charts.spend_over_time(answers.days, PAGE) if _spent(answers.days) else None,
        "No cost was told yet.",
        spend_legend(PAGE),
    )


def _spend_by(answers: Answers) -> list[Figure]:
    models = [(one_line(row["name"]) or DEFAULT_MODEL, row) for row in answers.models]
    accounts = [(one_line(row["name"]) or NO_ACCOUNT, row) for row in answers.accounts]
    return [
        _named_spend("spend-models", "model", models, MODELS_SHOWN),
        _named_spend("spend-accounts", "account", accounts, ACCOUNTS_SHOWN),
    ]


def _named_spend(name: str, what: str, rows: Sequence[tuple[str, Row]], most: int) -> Figure:
    table = Table(
        (what.capitalize(), "Runs", "Spend", "Of it wasted", "Wasted share"),
        [(label, f"{row['run_count']:,}", *_money(row)) for label, row in rows],
        frozenset({1, 2, 3, 4}),
    )
    drawn = rows[:most]
    caption = NOT_THE_MODEL if len(rows) <= most else f"The {most} that cost most of {len(rows):,}. {NOT_THE_MODEL}"
    chart = charts.spend_by(drawn, what, PAGE) if _spent([row for _, row in drawn]) else None
    return Figure(
        name, f"Spend by {what}, {WINDOW}", caption, table, chart, "No cost was told yet.", spend_legend(PAGE)
    )


def worst(answers: Answers) -> Figure:
    """The tasks that fail most, by the lower bound of their rate."""
    names = task_names(answers.worst)
    rows = [(names[row["task_id"]], row) for row in answers.worst]
    table = Table(
        ("Task", "Failed", "Of", "Rate (95 % interval)", "Runs missing"),
        [
            (name, f"{row['failed_count']:,}", f"{row['n']:,}", _rate(row), f"{row['runs_missing_count']:,}")
            for name, row in rows
        ],
        frozenset({1, 2, 3, 4}),
    )
    return Figure(
        "worst",
        f"Tasks that fail most, {WINDOW}",
        "Ranked by the lower end of the 95 % interval (the bar), so that one failure in one run does not lead.",
        table,
        charts.worst_tasks(rows, PAGE) if rows else None,
        "No task failed, as far as its runs were seen.",
    )


def adherence(answers: Answers) -> Figure:
    """Task by day: did runs come when they were due?"""
    names = task_names(answers.adherence)
    tasks = {row["task_id"]: row for row in answers.adherence}
    drawn = [(names[row["task_id"]], row) for row in answers.adherence if row["task_rank"] <= HEAT_TASKS_SHOWN]
    table = Table(
        ("Task", "On time", "Of", "Rate (95 % interval)", "Late", "Missed", "Nobody can tell"),
        [(names[task_id], *_punctuality(row)) for task_id, row in tasks.items()],
        frozenset({1, 2, 3, 4, 5, 6}),
    )
    part = f" The {HEAT_TASKS_SHOWN} least punctual of {len(tasks):,} tasks." if len(tasks) > HEAT_TASKS_SHOWN else ""
    return Figure(
        "adherence",
        f"Schedule adherence, {WINDOW}",
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


def _money(row: Row) -> tuple[str, str, str]:
    nothing = row["total_cents"] == 0
    return (
        money(row["total_cents"]),
        money(row["wasted_cents"]),
        number_format.NOTHING if nothing else share(row["wasted_ratio"]),
    )


def _spent(rows: Sequence[Row]) -> bool:
    return any(row["total_cents"] for row in rows)
