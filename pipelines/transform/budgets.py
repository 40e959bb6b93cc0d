"""The file of budgets, kept by a person: where it is, what a line may say, and putting it into core.budgets.

What a budget means belongs to sql/marts/budget_status.sql. Polls do not read the file: a slip in it must not stop them.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import duckdb

from pipelines.settings import Settings
from pipelines.transform.hand_kept import account_id, read_rows, refuse

HEADER = ("account_id", "monthly_budget_usd", "warn_ratio")
EVERY_OTHER_ACCOUNT = "*"
# core.budgets keeps four decimals; more would be rounded without a word.
_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,4})?")
_RATIO = re.compile(r"0(\.[0-9]+)?|1(\.0+)?")

Budget = tuple[str, str | None, str | None]


def apply_budgets(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Fill core.budgets from the file; without one it is empty. Raises BadSettings, as `read_budgets`."""
    budgets = read_budgets(settings)
    con.execute("delete from core.budgets")
    if budgets:
        con.executemany("insert into core.budgets values (?, ?::decimal(38, 4), ?::double)", budgets)


def read_budgets(settings: Settings) -> list[Budget]:
    """Return the rows of RECOUP_BUDGETS_FILE, or of `budgets.csv` in the warehouse folder if it is there.

    Raises BadSettings naming file and line when one is malformed, and when the file that the variable names is missing.
    """
    path = settings.budgets_path
    if settings.budgets_file is None and not path.exists():
        return []
    return read_rows(path, HEADER, _budget, what="budget", advice="correct RECOUP_BUDGETS_FILE or the file")


def _budget(path: Path, number: int, row: Sequence[str]) -> Budget:
    if len(row) != len(HEADER):
        refuse(path, number, f"{len(row)} fields instead of {len(HEADER)}; write 12.50 with a point, not with a comma")
    account, amount, ratio = row
    if amount and not _AMOUNT.fullmatch(amount):
        refuse(path, number, "monthly_budget_usd must be dollars like 12.50, with a point and at most four decimals")
    if ratio and not _RATIO.fullmatch(ratio):
        refuse(path, number, "warn_ratio must be between 0 and 1, like 0.8, with a point for decimals")
    return account_id(path, number, account, may_be=EVERY_OTHER_ACCOUNT), amount or None, ratio or None
