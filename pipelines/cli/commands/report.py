"""The commands that show the report, and its first block in words. The page itself is written by publish."""

import click

from pipelines.cli.chosen import settings_of_a_warehouse
from pipelines.console.log import warn


@click.command()
@click.option("--open", "is_opened", is_flag=True, help="Open it in the browser, too.")
def report(is_opened: bool) -> None:
    """Print where the report is: one page, beside the published file and about it.

    \b
    Examples:
      recoup-warehouse report
      recoup-warehouse report --open

    `nightly` and `publish` write it. It needs no network, and may be mailed or copied as it is.
    """
    import webbrowser

    from pipelines.console.number_format import shown_path
    from pipelines.errors import NothingPublished
    from pipelines.report.publish_hook import REPORT_NAME

    page = settings_of_a_warehouse().layout.current / REPORT_NAME
    if not page.exists():
        raise NothingPublished(f"there is no report at {shown_path(page)} yet; run `recoup-warehouse publish` first")
    click.echo(shown_path(page))
    if is_opened and not webbrowser.open(page.resolve().as_uri()):
        warn("report", "no browser was found on this machine; copy the page to one that has one")


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(("markdown", "text")),
    default="text",
    show_default=True,
    help="How to write it.",
)
@click.option("--link", metavar="URL", help="Where its reader finds the whole report.")
def digest(form: str, link: str | None) -> None:
    """Print the report's first block in a few lines, for a mail, a chat or a terminal.

    \b
    Examples:
      recoup-warehouse digest
      recoup-warehouse digest --format markdown --link https://example.com/report.html

    What fails now, schedules missed, new errors, spend against forecast and budget, and how much was seen, each beside
    the week before. Titles of tasks are in it, so it is as private as the published file.
    """
    from typing import cast

    from pipelines.database.connection import open_published
    from pipelines.report.digest import Form
    from pipelines.report.digest import digest as written

    con = open_published(settings_of_a_warehouse().layout)
    try:
        click.echo(written(con, cast("Form", form), link), nl=False)
    finally:
        con.close()


COMMANDS = (report, digest)
