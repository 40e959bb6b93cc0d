"""Commands that only look: query and summary read the published copy; doctor holds the writer's lock for a moment.

How results are laid out belongs to console/result_format.py, what is summed up to console/summary.py, what is examined
to cli/doctor/.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from pipelines.cli.chosen import settings_of_a_warehouse
from pipelines.errors import RecoupError

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
def query(sql: str, output_format: str, files: Sequence[Path]) -> None:
    """Run SQL on the published copy. It only reads: no other file, no network, no extension, no setting.

    \b
    Examples:
      recoup-warehouse query "from marts.task_health limit 5"
      recoup-warehouse query --format csv "from marts.spend_daily" > spend.csv
      recoup-warehouse query - < question.sql
      recoup-warehouse query --files exported "from 'exported/marts/task_health/*.parquet'"

    SQL may be `-` for standard input. The result of the last statement is printed. Times are UTC. csv and json write
    texts as they are, escape codes and all: send them to a file, not to a terminal.
    """
    import duckdb

    from pipelines.console.result_format import print_result, printable
    from pipelines.database.sandbox import ask, sandboxed

    text = sys.stdin.read() if sql == "-" else sql
    with sandboxed(settings_of_a_warehouse().layout, files) as con:
        try:
            print_result(ask(con, text), output_format, sys.stdout)
        except duckdb.Error as error:
            click.echo(printable(str(error).strip()), err=True)
            advice = REFUSED_FILE if isinstance(error, duckdb.PermissionException) else REFUSED
            raise RecoupError(f"DuckDB refused the query (its words above); {advice}") from error


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
