"""The file `accounts.csv`, kept by a person: what people call each account, put into core.accounts.

Who may spend how much belongs to budgets.py. Polls do not read the file: a slip in it must not stop them.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from pipelines.paths import Layout
from pipelines.transform.hand_kept import account_id, read_rows, refuse

HEADER = ("account_id", "account_name")
LONGEST_NAME = 80

Name = tuple[str, str]


def apply_account_names(con: duckdb.DuckDBPyConnection, layout: Layout) -> None:
    """Fill core.accounts from the file; without one it is empty. Raises BadSettings, as `read_account_names`."""
    names = read_account_names(layout)
    con.execute("delete from core.accounts")
    if names:
        con.executemany("insert into core.accounts values (?, ?)", names)


def read_account_names(layout: Layout) -> list[Name]:
    """Return the rows of `accounts.csv` in the warehouse folder, if it is there.

    Raises BadSettings naming file and line when one is malformed.
    """
    path = layout.account_names_file
    if not path.exists():
        return []
    return read_rows(path, HEADER, _name, what="name", advice="correct the file or remove it")


def _name(path: Path, number: int, row: Sequence[str]) -> Name:
    if len(row) != len(HEADER):
        refuse(path, number, f'{len(row)} fields instead of {len(HEADER)}; a name with a comma stands in "quotes"')
    account, name = row
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        refuse(path, number, f"account_name must have 1 to {LONGEST_NAME} printable characters")
    return account_id(path, number, account), name
