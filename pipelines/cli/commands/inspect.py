"""Commands that only look: query and summary read the published copy; doctor holds the writer's lock for a moment.

How results are laid out belongs to console/result_format.py, what is summed up to console/summary.py, what is examined
to cli/doctor/.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from pipelines.cli.chosen import settings_of_a_warehouse
from pipelines.cli.commands.options import INSTANT
from pipelines.clock import Clock
from pipelines.errors import RecoupError

if TYPE_CHECKING:
    from pipelines.paths import Layout
    from pipelines.settings import Settings

REFUSED = '`recoup-warehouse query "show all tables"` lists the tables'
REFUSED_FILE = "SQL may touch files only below a folder that `--files` names"


@click.command()
@click.argument("sql")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="table for people; csv and json keep every value whole.",
)
@click.option(
    "--files",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    multiple=True,
    metavar="FOLDER",
    help="Let the SQL read and write files below this folder; may be given again.",
)
@click.option(
    "--as-of",
    "past",
    type=INSTANT,
    metavar="INSTANT",
    help="Ask the copy that a night at this ISO instant would have published; it is made again from the archive.",
)
def query(sql: str, output_format: str, files: Sequence[Path], past: Clock | None) -> None:
    """Run SQL on the published copy. It only reads: no other file, no network, no extension, no setting.

    \b
    Examples:
      recoup-warehouse query "from marts.task_health limit 5"
      recoup-warehouse query --format csv "from marts.spend_daily" > spend.csv
      recoup-warehouse query - < question.sql
      recoup-warehouse query --files exported "from 'exported/marts/task_health/*.parquet'"
      recoup-warehouse query --as-of 2026-08-20T02:00:00Z "from marts.failure_rates"

    SQL may be `-` for standard input. The result of the last statement is printed. Times are UTC. csv and json write
    texts as they are, escape codes and all: send them to a file, not to a terminal. For several questions about one past
    instant, `rebuild --as-of` makes its copy once.
    """
    import duckdb

    from pipelines.console.result_format import print_result, printable
    from pipelines.database.sandbox import ask, sandboxed

    text = sys.stdin.read() if sql == "-" else sql
    with _copy_of(settings_of_a_warehouse(), past) as layout, sandboxed(layout, files) as con:
        try:
            print_result(ask(con, text), output_format, sys.stdout)
        except duckdb.Error as error:
            click.echo(printable(str(error).strip()), err=True)
            advice = REFUSED_FILE if isinstance(error, duckdb.PermissionException) else REFUSED
            raise RecoupError(f"DuckDB refused the query (its words above); {advice}") from error


@contextmanager
def _copy_of(settings: "Settings", past: Clock | None) -> "Iterator[Layout]":
    """Name the copy to ask: the published one, or one of a past instant, which is gone afterwards."""
    if past is None:
        yield settings.layout
        return
    from pipelines.console.progress import working
    from pipelines.past import publish_past

    with TemporaryDirectory(prefix="recoup-as-of-") as folder:
        with working("reading the archive") as steps:
            publish_past(settings, past(), Path(folder) / "then", steps.count)
        yield type(settings.layout)(Path(folder) / "then")


@click.command()
def summary() -> None:
    """Print what the published copy says, on one screen.

    \b
    Example:
      recoup-warehouse summary
    """
    from pipelines.console.summary import print_summary

    print_summary(settings_of_a_warehouse())


@click.command()
@click.option("--deep", is_flag=True, help="Also read every file of the archive, which may take minutes.")
@click.option("--strict", is_flag=True, help="Exit code 1 for a warning, too.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of findings: level, topic, text, advice.")
@click.pass_context
def doctor(ctx: click.Context, deep: bool, strict: bool, as_json: bool) -> None:
    """Say what is wrong and what to do about it: settings, API, disk, warehouse.

    \b
    Example:
      recoup-warehouse doctor
      recoup-warehouse doctor --strict --json > findings.json

    One line each: ok, warn or fail. Asks the API once when a key is set. Secrets are never shown. Exit code 1 when
    something fails, with --strict when something is only warned of.
    """
    from pipelines.cli.doctor import examine

    worst = examine(is_deep=deep, as_json=as_json)
    if worst == "fail" or (strict and worst == "warn"):
        ctx.exit(1)


COMMANDS = (query, summary, doctor)
