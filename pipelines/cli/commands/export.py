"""The command that writes the published copy for other tools: export.

How it is written belongs to publish/: parquet.py, account_copy.py, superset_bundle.py.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.cli.chosen import settings_of_a_warehouse
from pipelines.console.log import say

if TYPE_CHECKING:
    from pipelines.paths import Layout


@click.command()
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["parquet", "duckdb", "superset"]),
    default="parquet",
    show_default=True,
    help="parquet: the data; duckdb: a file for one account; superset: datasets and dashboard for Apache Superset.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder (parquet), database (duckdb) or zip file (superset) to write; an earlier export there is replaced whole.",
)
@click.option("--account", metavar="ID", help="Write the rows of this account, and nobody else's (duckdb, parquet).")
def export(file_format: str, out: Path, account: str | None) -> None:
    """Write the published copy for other tools: as Parquet files, or as what Superset imports.

    \b
    Examples:
      recoup-warehouse export --format parquet --out exported
      recoup-warehouse query --files exported "from 'exported/marts/spend_daily/**/*.parquet'"
      recoup-warehouse export --format duckdb --account 848cd58d-... --out theirs.duckdb
      recoup-warehouse export --format parquet --account 848cd58d-... --out theirs
      recoup-warehouse export --format superset --out recoup-superset.zip

    Parquet: one folder per table, and in it one per day (`date=2026-08-20/`) where the table has days. All of one
    snapshot; readers see the old export or the new one, never half of one. Superset: see docs/bi/superset/README.md.
    """
    layout = settings_of_a_warehouse().layout
    if file_format == "duckdb" and not account:
        raise click.UsageError("--format duckdb needs --account ID; the whole copy is `current` itself")
    if file_format == "superset" and account:
        raise click.UsageError("a Superset bundle holds no rows; point it at a file of --format duckdb --account ID")
    if account:
        _export_account(layout, file_format, account, out)
    elif file_format == "superset":
        _export_superset(layout, out)
    else:
        _export_parquet(layout, out)


def _export_parquet(layout: "Layout", out: Path) -> None:
    from pipelines.console.number_format import count, shown_path
    from pipelines.console.progress import working
    from pipelines.publish.parquet import export_parquet

    with working("writing Parquet") as steps:
        written = export_parquet(layout, out, progress=steps.count)
    rows = sum(written.row_counts.values())
    tables = count(len(written.row_counts), "table")
    told = f"exported snapshot {written.snapshot_number}: {shown_path(written.folder)} ({tables}, {rows:,} rows)"
    say("export", told, snapshot=written.snapshot_number, row_count=rows)


def _export_account(layout: "Layout", file_format: str, account: str, out: Path) -> None:
    from pipelines.console.number_format import count, shown_path
    from pipelines.publish.account_copy import export_account, export_account_parquet

    written_by = export_account_parquet if file_format == "parquet" else export_account
    copy = written_by(layout, account, out)
    what = f"{count(copy.task_count, 'task')}, {count(copy.run_count, 'run')}"
    say("export", f"wrote {shown_path(copy.path)}: {what} of this account, searched for ids of others")


def _export_superset(layout: "Layout", out: Path) -> None:
    from pipelines.console.number_format import count, shown_path
    from pipelines.publish.superset_bundle import bundle, write_bundle
    from pipelines.transform.load_models import load_models

    files = bundle(load_models(), layout.published_file)
    write_bundle(files, out)
    charts = count(sum(name.startswith("charts/") for name in files), "chart")
    told = f"wrote {shown_path(out.absolute())}: {charts} over {layout.published_file}; see docs/bi/superset/README.md"
    say("export", told)


COMMANDS = (export,)
