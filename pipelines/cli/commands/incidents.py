"""The commands for whoever keeps it running: incidents, metrics. What they are belongs to incidents/."""

import click

from pipelines.cli.chosen import settings_of_a_warehouse
from pipelines.console.log import say
from pipelines.console.one_line import one_line


@click.command()
@click.option("--all", "shows_all", is_flag=True, help="Those that are over, too; the newest fifty.")
def incidents(shows_all: bool) -> None:
    """Show what is wrong now, since when and why; send messages that no sink has taken yet.

    \b
    Examples:
      recoup-warehouse incidents
      recoup-warehouse incidents --all
      recoup-warehouse query "from core.incidents"      as of the published copy

    RECOUP_INCIDENT_SINKS says where incidents are told. The kinds and their limits: sql/incidents/limits.yml.
    """
    from pipelines.clock import utc_now
    from pipelines.incidents.ledger import newest
    from pipelines.incidents.limits import read_limits
    from pipelines.incidents.messages import heading, times
    from pipelines.incidents.sinks import sinks_of
    from pipelines.incidents.watch import tell

    settings = settings_of_a_warehouse()
    found = newest(settings.layout, are_open_only=not shows_all)
    for one in found:
        state = one["state"].replace("_", " ")
        click.echo(f"{state:<11}  {one_line(heading(one))}, {times(one)}")
        click.echo(f"             {one['cause']}")
    if not found:
        click.echo("nothing is wrong, as far as the last look could tell" if not shows_all else "there was none yet")
    # A poll or a night goes on without these, with a warning; here they are what was asked about.
    read_limits(settings.incident_limits_path)
    sinks_of(settings)
    sent = tell(settings, utc_now).sent_count
    if sent:
        say("told", f"sent {sent} messages that were still due", message_count=sent)


@click.command()
def metrics() -> None:
    """Print figures for a monitor, in Prometheus' text format.

    \b
    Example:
      recoup-warehouse metrics

    When the last poll, good night and publish were, open incidents by kind, coverage, sizes. RECOUP_METRICS_FILE writes
    the same to a file after each poll and night. No names, ids or addresses are in it.
    """
    from pipelines.clock import utc_now
    from pipelines.incidents.figures import figures

    click.echo(figures(settings_of_a_warehouse(), utc_now), nl=False)


COMMANDS = (incidents, metrics)
