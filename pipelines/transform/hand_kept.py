"""CSV files that a person keeps beside the warehouse: reading them line by line, and refusing a line with its number.

What is in them belongs to budgets.py and account_names.py.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar
from uuid import UUID

from pipelines.errors import BadSettings

Line = tuple[int, list[str]]
Row = TypeVar("Row", bound=tuple[str | None, ...])


def read_rows(
    path: Path, header: Sequence[str], parse: Callable[[Path, int, list[str]], Row], *, what: str, advice: str
) -> list[Row]:
    """Return each line below the header as `parse` reads it; a row begins with its account, which has one line only.

    Raises BadSettings naming file and line. `what` is what a line gives an account; `advice` is for a file out of reach.
    """
    lines = _lines(_text(path, advice))
    number, first = next(lines, (1, []))
    if first != list(header):
        refuse(path, number, f"the header must be `{','.join(header)}`, with commas between the columns")
    line_of: dict[str | None, int] = {}
    rows = []
    for number, fields in lines:
        rows.append(parse(path, number, fields))
        known = line_of.setdefault(rows[-1][0], number)
        if known != number:
            refuse(path, number, f"this account has a {what} in line {known} already; keep one of the two lines")
    return rows


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
