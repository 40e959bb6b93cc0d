"""The file of budgets, kept by a person: where it is, reading it line by line, and putting it into core.budgets.

What a budget means belongs to sql/marts/budget_status.sql. Polls do not read the file: a slip in it must not stop them.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn
from uuid import UUID

import duckdb

from pipelines.errors import BadSettings
from pipelines.settings import Settings

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
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadSettings(f"{path} is not UTF-8; save it as `CSV UTF-8`") from error
    except OSError as error:
        raise BadSettings(
            f"the budgets file {path} cannot be read ({error.strerror}); correct RECOUP_BUDGETS_FILE or the file"
        ) from error
    return list(_budgets(path, text))


def _budgets(path: Path, text: str) -> Iterator[Budget]:
    line_of: dict[str, int] = {}
    rows = _rows(text)
    number, header = next(rows, (1, []))
    if tuple(header) != HEADER:
        _refuse(path, number, f"the header must be `{','.join(HEADER)}`, with commas between the columns")
    for number, row in rows:
        budget = _budget(path, number, row)
        first = line_of.setdefault(budget[0], number)
        if first != number:
            _refuse(path, number, f"this account has a budget in line {first} already; keep one of the two lines")
        yield budget


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield number and fields of each line that is neither empty nor a comment."""
    for number, line in enumerate(io.StringIO(text), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, [field.strip() for field in next(csv.reader([line]))]


def _budget(path: Path, number: int, row: Sequence[str]) -> Budget:
    if len(row) != len(HEADER):
        _refuse(path, number, f"{len(row)} fields instead of {len(HEADER)}; write 12.50 with a point, not with a comma")
    account, amount, ratio = row
    if amount and not _AMOUNT.fullmatch(amount):
        _refuse(path, number, "monthly_budget_usd must be dollars like 12.50, with a point and at most four decimals")
    if ratio and not _RATIO.fullmatch(ratio):
        _refuse(path, number, "warn_ratio must be between 0 and 1, like 0.8, with a point for decimals")
    return _account_id(path, number, account), amount or None, ratio or None


def _account_id(path: Path, number: int, account: str) -> str:
    """Return the id as the API writes it: in small letters, with hyphens."""
    if account == EVERY_OTHER_ACCOUNT:
        return account
    try:
        return str(UUID(account))
    except ValueError:
        _refuse(path, number, "account_id must be a UUID as the API gives it, or * for every account without a row")


def _refuse(path: Path, number: int, what: str) -> NoReturn:
    raise BadSettings(f"{path}, line {number}: {what}. Correct the line and run the command again; nothing was changed")
