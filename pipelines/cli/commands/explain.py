"""The command that says where a number comes from: explain. What stands behind a row is found in evidence/."""

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from pipelines.cli.chosen import settings_of_a_warehouse

if TYPE_CHECKING:
    from pipelines.evidence.cell import Cell
    from pipelines.evidence.told import Told


@click.command()
@click.argument("table")
@click.argument("values", nargs=-1, metavar="COLUMN=VALUE...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: row, sql, runs, missing.")
def explain(table: str, values: Sequence[str], as_json: bool) -> None:
    """Say where one row of a mart comes from: its runs, the archived answers that told of them, and the SQL.

    \b
    Examples:
      recoup-warehouse explain marts.failure_rates_daily date=2026-11-20 task_id=848cd58d-700f-4b38-ab4c-d9f52a1b2c3d
      recoup-warehouse explain marts.failed_runs run_id=run_1 --json

    `model=` with nothing behind it asks for null. Each run names the answer that first told its state as it stands: the
    poll, the file in the archive, the byte at which its id stands, and the hash. `doctor --deep` says whether the
    archive is what was written. Prompts, payloads and outputs are not shown.
    """
    from pipelines.archive.store import Archive
    from pipelines.console.progress import working
    from pipelines.database.connection import open_published
    from pipelines.evidence.cell import find_cell
    from pipelines.evidence.told import where_told
    from pipelines.transform.load_models import load_models

    layout = settings_of_a_warehouse().layout
    with closing(open_published(layout)) as con:
        cell = find_cell(con, load_models(), table, dict(map(_pair, values)))
    with working("searching the archive") as steps:
        told = where_told(Archive(layout.archive), cell.runs, steps.count)
    (_print_json if as_json else _print_text)(cell, told, layout.archive, sys.stdout)


def _pair(text: str) -> tuple[str, str | None]:
    name, sign, value = text.partition("=")
    if not sign:
        raise click.UsageError(f"{text!r} is no COLUMN=VALUE")
    return name, value or None


def _evidence(cell: "Cell", told: "dict[str, Told]", archive: Path) -> list[dict[str, Any]]:
    """Each run with where it was told of; nulls when no answer in the archive has it so."""
    from pipelines.evidence.told import Told

    nowhere = dict.fromkeys(field.name for field in fields(Told))
    lines = []
    for run in cell.runs:
        one = told.get(run["run_id"])
        there = asdict(one) | {"file": str(one.file.relative_to(archive))} if one else nowhere
        lines.append(run | there)
    return lines


def _print_text(cell: "Cell", told: "dict[str, Told]", archive: Path, out: TextIO) -> None:
    from pipelines.console.number_format import count
    from pipelines.console.result_format import aligned

    def table(rows: Sequence[dict[str, Any]]) -> None:
        out.writelines(f"  {line}\n" for line in aligned(list(rows[0]), [list(row.values()) for row in rows]))

    out.write(f"{cell.mart.relation}, one row\n")
    table([{"column": name, "value": value} for name, value in cell.row.items()])
    runs = _evidence(cell, told, archive)
    out.write(f"\n{count(len(runs), 'run')}, as the archive first told the state\n")
    if runs:
        shown = ("run_id", "outcome", "is_counted", "total_cents", "updated_at", "file", "position")
        table([{name: run[name] for name in shown} for run in runs])
    untold = [run["run_id"] for run in runs if run["file"] is None]
    if untold:
        out.write(f"  {len(untold)} of them in no answer of this archive: {', '.join(untold[:3])} ...\n")
    out.write(f"\n{count(len(cell.missing), 'tick')} without a run that was ever seen\n")
    if cell.missing:
        table(cell.missing)
    out.write(f"\nThe SQL: sql/marts/{cell.mart.path.name}\n{cell.mart.sql}\n")


def _print_json(cell: "Cell", told: "dict[str, Told]", archive: Path, out: TextIO) -> None:
    import msgspec

    everything = {
        "table": cell.mart.relation,
        "row": cell.row,
        "sql": cell.mart.sql,
        "runs": _evidence(cell, told, archive),
        "missing": cell.missing,
    }
    out.write(msgspec.json.Encoder(decimal_format="number", enc_hook=str).encode(everything).decode() + "\n")


COMMANDS = (explain,)
