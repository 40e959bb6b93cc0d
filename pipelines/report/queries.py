"""What the report asks the published file, one query per part of the page, and the answers in one value.

How a metric is made belongs to sql/marts; how it looks belongs to charts.py and page.py.
"""

from dataclasses import dataclass
from typing import Any

from pipelines.database.connection import Connection
from pipelines.database.sql_text import Row, rows, statement

DAYS_SHOWN = 90
WINDOW_DAYS = 30
WORST_SHOWN = 12
ERRORS_SHOWN = 20
MODELS_SHOWN = 12
ACCOUNTS_SHOWN = 12
HEAT_TASKS_SHOWN = 40
LISTED = 15
# Each task has a part of its own on the page; of more tasks than these the page would be slow to open.
PARTS_SHOWN = 500
PART_DAYS, PART_ROWS = 14, 10

INFO = "select * from marts.warehouse_info"

ERRORS = "select * from marts.error_groups order by error_rank limit $limit"
ERROR_COUNT = "select count(*) as group_count from marts.error_groups"


@dataclass(frozen=True, slots=True)
class First:
    """What the first block and the digest are made of."""

    info: Row
    last_poll: Row | None
    glance: Row
    health: list[Row]
    incidents: list[Row]


@dataclass(frozen=True, slots=True)
class Parts:
    """Rows about single tasks, those of one task together."""

    days: list[Row]
    runs: list[Row]
    ticks: list[Row]
    errors: list[Row]
    changes: list[Row]


@dataclass(frozen=True, slots=True)
class Answers:
    """Everything the page is made of."""

    first: First
    days: list[Row]
    totals: Row
    models: list[Row]
    accounts: list[Row]
    worst: list[Row]
    errors: list[Row]
    error_count: int
    adherence: list[Row]
    causes: list[Row]
    polling: Row
    budgets: list[Row]
    anomalies: list[Row]
    changes: list[Row]
    costs: list[Row]
    pace: list[Row]
    restatements: list[Row]
    parts: Parts


def ask(con: Connection) -> Answers:
    """Ask everything once."""
    first = ask_first(con)
    return Answers(
        first=first,
        days=fleet_days(con),
        totals=_asked(con, "totals", days=WINDOW_DAYS)[0],
        models=spend_by(con, "model"),
        accounts=spend_by(con, "account_id"),
        worst=worst_tasks(con),
        errors=rows(con.execute(ERRORS, {"limit": ERRORS_SHOWN})),
        error_count=rows(con.execute(ERROR_COUNT))[0]["group_count"],
        adherence=_asked(con, "adherence", days=WINDOW_DAYS),
        causes=_asked(con, "missing_causes"),
        polling=_asked(con, "polling")[0],
        budgets=_asked(con, "budgets", limit=LISTED),
        anomalies=_asked(con, "anomalies", limit=LISTED),
        changes=_asked(con, "changes", limit=LISTED),
        costs=_asked(con, "costs", days=WINDOW_DAYS, limit=LISTED),
        pace=_asked(con, "pace", days=WINDOW_DAYS, limit=LISTED),
        restatements=_asked(con, "restatements"),
        parts=_parts(con, [row["task_id"] for row in first.health[:PARTS_SHOWN]]),
    )


def ask_first(con: Connection) -> First:
    """Ask what the first block needs."""
    return First(
        info=rows(con.execute(INFO))[0],
        last_poll=next(iter(_asked(con, "last_poll")), None),
        glance=_asked(con, "glance")[0],
        health=_asked(con, "health"),
        incidents=_asked(con, "incidents", limit=LISTED),
    )


def _parts(con: Connection, tasks: list[str]) -> Parts:
    return Parts(
        days=_asked(con, "task_days", tasks=tasks, days=PART_DAYS),
        runs=_asked(con, "task_runs", tasks=tasks, limit=PART_ROWS),
        ticks=_asked(con, "task_ticks", tasks=tasks, limit=PART_ROWS),
        errors=_asked(con, "task_errors", tasks=tasks, limit=PART_ROWS),
        changes=_asked(con, "task_changes", tasks=tasks),
    )


def fleet_days(con: Connection) -> list[Row]:
    """The fleet's last days, oldest first."""
    return _asked(con, "days", days=DAYS_SHOWN)


def worst_tasks(con: Connection) -> list[Row]:
    """The tasks that surely fail most."""
    return _asked(con, "worst_tasks", days=WINDOW_DAYS, limit=WORST_SHOWN)


def spend_by(con: Connection, column: str) -> list[Row]:
    """Spend per value of a column of marts.spend_daily, most first."""
    return _asked(con, "spend_by", by=column, days=WINDOW_DAYS)


def _asked(con: Connection, name: str, **parameters: Any) -> list[Row]:
    return rows(con.execute(statement("report", name), parameters or None))
