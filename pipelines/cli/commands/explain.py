"""The commands of evidence: explain says where a number comes from, answer shows that, verify whether it is as it came.

What stands behind a row is found in evidence/, what is wrong with a file in archive/verify.py.
"""

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from pipelines.cli.chosen import settings_of_a_warehouse
from pipelines.console.log import say, warn

if TYPE_CHECKING:
    from pipelines.archive.chain import Head
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
    poll, the number of the answer (`answer` prints it), the byte at which its id stands there, the file, the hash, and
    the line of the archive's chain that seals the poll. `verify` says whether the archive is what was written.
    Prompts, payloads and outputs are not shown.
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


@click.command()
@click.argument("poll_id")
@click.argument("number", type=int)
def answer(poll_id: str, number: int) -> None:
    """Write one archived answer to standard output, byte for byte as it was received. It holds everything in clear.

    \b
    Example:
      recoup-warehouse answer 20261120T031500.000000Z-01 1 > answer.json

    POLL_ID and NUMBER are those that `explain` shows.
    """
    from pipelines.archive.store import Archive
    from pipelines.errors import BadSettings

    archive = Archive(settings_of_a_warehouse().layout.archive)
    record = archive.poll(poll_id) if archive.ledger(poll_id).is_file() else None
    found = [stored for stored in record.responses if stored.number == number] if record else []
    if not found:
        raise BadSettings(f"the archive has no answer {number} of a poll {poll_id}; `explain` shows both")
    sys.stdout.buffer.write(archive.body(found[0]))


@click.command()
@click.option(
    "--head",
    "heads",
    multiple=True,
    metavar="NUMBER:HASH",
    help="A head of the chain that was noted elsewhere: the archive must still hold it; may be given again.",
)
def verify(heads: Sequence[str]) -> None:
    """Read every file of the archive, and say which are not what was written: altered, gone, added or put elsewhere.

    \b
    Examples:
      recoup-warehouse verify
      recoup-warehouse verify --head 2516:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08

    Each poll that ends adds a line to the chain of the archive, with the hash of its ledger and of the line before, and
    each ledger names the hashes of its bodies. Says which line of which ledger, which body, or which line of the chain.
    Whoever can write the archive can write all of it again: so each published copy keeps the head of the chain
    (snapshot.json), and what you note elsewhere is compared by --head. Exit code 13 when something is wrong.
    """
    from pipelines.cli.doctor.archive_files import told, verified
    from pipelines.console.progress import working
    from pipelines.errors import ArchiveDamaged

    settings = settings_of_a_warehouse()
    settings.refuse_gatherer("verify there")
    layout = settings.layout
    with working("verifying the archive") as steps:
        found = verified(layout, [_head(text) for text in heads], steps.count)
    if found.damages:
        for damage in found.damages[1:]:
            warn("damaged", f"  {damage.error}", poll_id=damage.poll_id)
        raise ArchiveDamaged(str(found.damages[0].error))
    for line in told(found):
        say("verify", line, head=str(found.head), poll_count=found.poll_count, body_count=found.body_count)


def _head(text: str) -> "Head":
    from pipelines.archive.chain import Head

    try:
        return Head.of(text)
    except ValueError:
        raise click.UsageError(f"{text!r} is no NUMBER:HASH, as `verify` prints it") from None


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
        shown = (
            "run_id",
            "outcome",
            "is_counted",
            "total_cents",
            "updated_at",
            "poll_id",
            "answer",
            "position",
            "chain_line",
        )
        table([{name: run[name] for name in shown} for run in runs])
    untold = [run for run in runs if run["file"] is None]
    if untold:
        ids = ", ".join(run["run_id"] for run in untold[:3])
        out.write(f"  {len(untold)} of them in no answer of this archive: {ids} ...\n")
    if shards := sorted({run["shard"] for run in untold} - {""}):
        out.write(f"  the archive is at the shard that polled; the same command tells it there: {', '.join(shards)}\n")
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


COMMANDS = (explain, answer, verify)
