"""Printing query results: aligned columns for people, CSV and JSON for programs.

What is asked, and of which file, does not belong here.
"""

import csv
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TextIO

import msgspec
from rich.cells import cell_len, set_cell_size

from pipelines.database.connection import Connection

WIDEST = 60
BATCH = 10_000
NUMBERS = (int, float, Decimal)


def print_result(result: Connection, output_format: str, out: TextIO) -> None:
    """Write the rows of an executed query in the format named: table, csv or json."""
    if result.description is None:
        return
    names = _unique([column[0] for column in result.description])
    {"table": _print_table, "csv": _print_csv, "json": _print_json}[output_format](names, result, out)


def plain(value: Any) -> Any:
    """Return a value as text layouts write it: exact decimals without trailing zeros, times in ISO form."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return trimmed(value)
    if isinstance(value, datetime):
        instant = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        text = instant.isoformat(sep=" ", timespec="auto")
        return f"{text}Z" if value.tzinfo else text
    return value


def printable(text: str) -> str:
    """Return a text with a space for each character that could drive a terminal: titles and errors come from the API."""
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)


def trimmed(value: Decimal) -> str:
    """Return a decimal in plain notation, without the zeros that a wide column type adds."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def aligned(names: Sequence[str], rows: Sequence[Sequence[Any]], *, to_right: Collection[str] = ()) -> Iterator[str]:
    """Yield the lines of a table: numbers (and columns named) to the right, text to the left, wide cells shortened."""
    names, cells = [_cell(name) for name in names], [[_cell(value) for value in row] for row in rows]
    is_number = [_is_number(column) for column in zip(*rows, strict=True)] or [False] * len(names)
    is_right = [number or name in to_right for number, name in zip(is_number, names, strict=True)]
    widths = [max(map(cell_len, column)) for column in zip(names, *cells, strict=True)]
    for line in (names, ["-" * width for width in widths], *cells):
        padded = zip(line, widths, is_right, strict=True)
        yield "  ".join(_pad(text, width, right) for text, width, right in padded).rstrip()


def _print_table(names: list[str], result: Connection, out: TextIO) -> None:
    rows = result.fetchmany(BATCH)
    for line in aligned(names, rows):
        out.write(f"{line}\n")
    count = f"{len(rows):,} {'row' if len(rows) == 1 else 'rows'}"
    has_more = len(rows) == BATCH and result.fetchone() is not None
    out.write(f"(the first {count}; --format csv gives them all)\n" if has_more else f"({count})\n")


def _print_csv(names: list[str], result: Connection, out: TextIO) -> None:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    for row in _fetched(result):
        writer.writerow([_nested(value) if isinstance(value, dict | list) else plain(value) for value in row])


def _print_json(names: list[str], result: Connection, out: TextIO) -> None:
    """Write an array of objects, one row a line, so that a large result is never held whole."""
    encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=str)
    separator = "["
    for row in _fetched(result):
        out.write(f"{separator}\n{encoder.encode(dict(zip(names, _exact(row), strict=True))).decode()}")
        separator = ","
    out.write("[]\n" if separator == "[" else "\n]\n")


def _exact(row: Sequence[Any]) -> list[Any]:
    return [Decimal(trimmed(value)) if isinstance(value, Decimal) else _in_utc(value) for value in row]


def _in_utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value


def _fetched(result: Connection) -> Iterator[tuple[Any, ...]]:
    while rows := result.fetchmany(BATCH):
        yield from rows


def _nested(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        value = _nested(value)
    if isinstance(value, float):
        value = _short(value)
    text = printable(str(plain(value))).replace("\n", " ")
    return text if cell_len(text) <= WIDEST else set_cell_size(text, WIDEST - 1).rstrip() + "…"


def _short(value: float) -> str:
    return f"{value:.6g}" if 0 < abs(value) < 1e-4 or abs(value) >= 1e15 else f"{value:.6f}".rstrip("0").rstrip(".")


def _is_number(column: Sequence[Any]) -> bool:
    known = [value for value in column if value is not None]
    return bool(known) and all(isinstance(value, NUMBERS) and not isinstance(value, bool) for value in known)


def _pad(text: str, width: int, right: bool) -> str:
    filling = " " * (width - cell_len(text))
    return filling + text if right else text + filling


def _unique(names: Sequence[str]) -> list[str]:
    """Number repeated names, as in `select a.id, b.id`: a JSON object holds each name once."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return unique
