"""The command that writes the published copy in another format: export. How it is written belongs to export.py."""

from pathlib import Path

import click


@click.command()
@click.option("--format", "file_format", type=click.Choice(["parquet"]), default="parquet", show_default=True)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder to write; an earlier export there is replaced whole.",
)
def export(file_format: str, out: Path) -> None:
    """Write the published copy as Parquet files, for tools that do not read DuckDB.

    \b
    Examples:
      recoup-warehouse export --format parquet --out exported
      recoup-warehouse query "from 'exported/marts/spend_daily/**/*.parquet'"

    One folder per table, `<schema>/<table>/`, and in it one folder per day (`date=2026-08-20/`) where the table has
    days. All of one snapshot; readers of the folder see the old export or the new one, never half of one.
    """
    from pipelines.console import working
    from pipelines.export import export_parquet
    from pipelines.figures import count, place
    from pipelines.settings import Settings

    with working(f"writing {file_format}") as steps:
        written = export_parquet(Settings.load().layout, out, progress=steps.count)
    rows = sum(written.row_counts.values())
    tables = count(len(written.row_counts), "table")
    click.echo(f"exported snapshot {written.snapshot_number}: {place(written.folder)} ({tables}, {rows:,} rows)")


COMMANDS = (export,)
