"""The command that shows the report. The page itself is written by publish, from pipelines/report/."""

import click


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
    from pipelines.settings import Settings

    page = Settings.load().layout.current / REPORT_NAME
    if not page.exists():
        raise NothingPublished(f"there is no report at {shown_path(page)} yet; run `recoup-warehouse publish` first")
    click.echo(shown_path(page))
    if is_opened and not webbrowser.open(page.resolve().as_uri()):
        click.echo("no browser was found on this machine; copy the page to one that has one", err=True)


COMMANDS = (report,)
