"""CSV files that a person keeps beside the warehouse: reading them line by line, and refusing a line with its number.

What is in them belongs to budgets.py and account_names.py.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn
from uuid import UUID

from pipelines.errors import BadSettings

Line = tuple[int, list[str]]


def read_lines(path: Path, header: Sequence[str], advice: str) -> list[Line]:
    """Return number and fields of each line below the header. Raises BadSettings naming file and line; `advice` ends it."""
    lines = _lines(_text(path, advice))
    number, first = next(lines, (1, []))
    if first != list(header):
        refuse(path, number, f"the header must be `{','.join(header)}`, with commas between the columns")
    return list(lines)


def _text(path: Path, advice: str) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadSettings(f"{path} is not UTF-8; save it as `CSV UTF-8`") from error
    except OSError as error:
        raise BadSettings(f"the file {path} cannot be read ({error.strerror}); {advice}") from error


def _lines(text: str) -> Iterator[Line]:
    """Yield number and fields of each line that is neither empty nor a comment."""
    for number, line in enumerate(io.StringIO(text), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, [field.strip() for field in next(csv.reader([line]))]


class Once:
    """Refuses the second line about one account."""

    def __init__(self, path: Path, what: str) -> None:
        self._path, self._what = path, what
        self._line_of: dict[str, int] = {}

    def see(self, number: int, account: str) -> None:
        """Remember the line of an account. Raises BadSettings when it has one already."""
        first = self._line_of.setdefault(account, number)
        if first != number:
            refuse(
                self._path,
                number,
                f"this account has a {self._what} in line {first} already; keep one of the two lines",
            )


def account_id(path: Path, number: int, text: str, *, may_be: str | None = None) -> str:
    """Return the id as the API writes it: in small letters, with hyphens; or the one other text that it may be."""
    if text == may_be:
        return text
    try:
        return str(UUID(text))
    except ValueError:
        other = f", or {may_be} for every account without a row" if may_be else ""
        refuse(path, number, f"account_id must be a UUID as the API gives it{other}")


def refuse(path: Path, number: int, what: str) -> NoReturn:
    """Raise BadSettings about a line."""
    raise BadSettings(f"{path}, line {number}: {what}. Correct the line and run the command again; nothing was changed")
