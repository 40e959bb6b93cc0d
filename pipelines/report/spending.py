"""What runs cost, as charts and tables: by day, model and account, against budget and forecast, and per success.

How a chart is drawn belongs to charts.py.
"""

from collections.abc import Sequence

from pipelines.console import number_format
from pipelines.console.one_line import one_line
from pipelines.database.sql_text import Row
from pipelines.report import charts
from pipelines.report.chart_style import PAGE, spend_legend
from pipelines.report.elements import (
    DEFAULT_MODEL,
    NO_ACCOUNT,
    Figure,
    Listing,
    Table,
    account_labels,
    coverage,
    known_money,
    money,
    share,
    task_link,
    task_names,
)
from pipelines.report.queries import ACCOUNTS_SHOWN, LISTED, MODELS_SHOWN, Answers
from pipelines.report.sections import window

NOT_THE_MODEL = "Trigger.dev compute and invocation only, not the language model's bill."
STATES = {
    "over": "over budget",
    "will_be_over": "will be over",
    "warn": "near its budget",
    "may_be_over": "may be over",
    "within": "within",
    "no_budget": "no budget set",
}


def budgets(answers: Answers) -> Listing:
    """Each account's month against its budget and forecast."""
    table = Table(
        ("Account", "Spent so far", "Forecast", "Budget", "State", "Known"),
        [
            (
                _account(row["account_id"], row["account_name"]),
                known_money(row["total_cents"], row["unpriced_run_count"]),
                _forecast(row),
                "-" if row["budget_usd"] is None else money(row["budget_usd"] * 100),
                STATES[row["budget_state"]],
                coverage(row),
            )
            for row in answers.budgets
        ],
        frozenset({1, 2, 3}),
    )
    return Listing(
        "budgets",
        "This month against budget and forecast",
        "Forecast: what was spent, and what the runs still due by cron cost if they cost what they did; in brackets how "
        "far that can mislead. Budgets stand in budgets.csv, names in accounts.csv.",
        table,
        "No account was seen yet.",
    )


def _forecast(row: Row) -> str:
    low, point, high = (row[f"forecast{side}_usd"] for side in ("_low", "", "_high"))
    return "not known" if point is None else f"{money(point * 100)} ({money(low * 100)} to {money(high * 100)})"


def costs(answers: Answers) -> Listing:
    """What one success costs, by task."""
    names = task_names(answers.costs)
    table = Table(
        ("Task", "Succeeded", "Of", "Cost of one success", "Spend", "Of it wasted"),
        [
            (
                task_link(row["task_id"], names[row["task_id"]]),
                f"{row['succeeded_count']:,}",
                f"{row['run_count']:,}",
                _cost_of_one(row),
                known_money(row["total_cents"], row["unpriced_run_count"]),
                money(row["wasted_cents"]),
            )
            for row in answers.costs
        ],
        frozenset({1, 2, 3, 4, 5}),
    )
    return Listing(
        "costs",
        f"What one success costs, {window(answers)}",
        "All that a task's runs cost, over those that succeeded; test runs and other environments, which are in the "
        f"spend above, are left out. The {LISTED} tasks that waste most; all are in marts.cost_per_success.",
        table,
        "No run was seen yet.",
    )


def _cost_of_one(row: Row) -> str:
    if not row["succeeded_count"]:
        return "no success"
    return known_money(row["cost_per_success_cents"], row["unpriced_run_count"])


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
        NOT_THE_MODEL + " Wasted is the whole cost of runs that failed. Today is not over: it is drawn paler.",
        table,
        charts.spend_over_time(answers.days, PAGE) if _spent(answers.days) else None,
        "No cost was told yet.",
        spend_legend(PAGE),
    )


def _spend_by(answers: Answers) -> list[Figure]:
    models = [one_line(row["name"]) or DEFAULT_MODEL for row in answers.models]
    accounts = [(row["name"], row["account_name"]) for row in answers.accounts]
    return [
        _named_spend(answers, "model", answers.models, models, models, MODELS_SHOWN),
        _named_spend(
            answers,
            "account",
            answers.accounts,
            account_labels(accounts),
            [_account(*account) for account in accounts],
            ACCOUNTS_SHOWN,
        ),
    ]


def _account(account_id: str | None, name: str | None) -> str:
    whole = one_line(account_id) or NO_ACCOUNT
    return f"{one_line(name)} ({whole})" if name else whole


def _named_spend(
    answers: Answers, what: str, rows: Sequence[Row], short: Sequence[str], whole: Sequence[str], most: int
) -> Figure:
    table = Table(
        (what.capitalize(), "Runs", "Spend", "Of it wasted", "Wasted share"),
        [(label, f"{row['run_count']:,}", *_money(row)) for label, row in zip(whole, rows, strict=True)],
        frozenset({1, 2, 3, 4}),
    )
    drawn = list(zip(short, rows, strict=True))[:most]
    caption = NOT_THE_MODEL if len(rows) <= most else f"The {most} that cost most of {len(rows):,}. {NOT_THE_MODEL}"
    chart = charts.spend_by(drawn, what, PAGE) if _spent([row for _, row in drawn]) else None
    title = f"Spend by {what}, {window(answers)}"
    return Figure(f"spend-{what}s", title, caption, table, chart, "No cost was told yet.", spend_legend(PAGE))


def _money(row: Row) -> tuple[str, str, str]:
    nothing = row["total_cents"] == 0
    return (
        known_money(row["total_cents"], row["unpriced_run_count"]),
        money(row["wasted_cents"]),
        number_format.NOTHING if nothing else share(row["wasted_ratio"]),
    )


def _spent(rows: Sequence[Row]) -> bool:
    return any(row["total_cents"] for row in rows)
