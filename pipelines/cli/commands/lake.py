"""The command that brings the lake up to date, and what is said of it. How it is written belongs to lake/."""

from typing import TYPE_CHECKING

import click

from pipelines.cli.chosen import settings_of_a_warehouse
from pipelines.clock import utc_now
from pipelines.console.log import say
from pipelines.console.number_format import count

if TYPE_CHECKING:
    from pipelines.lake.update import LakeUpdate


@click.command()
@click.option(
    "--take-over",
    "takes_over",
    is_flag=True,
    help="Write it although another home has: this one is to be in its place from now on.",
)
def lake(takes_over: bool) -> None:
    """Bring the lake up to what is published, and remove what is too old from it.

    \b
    Example:
      recoup-warehouse lake

    `nightly` and `publish` do the same at their end: this is for when that failed. Only days that differ are written, in
    one transaction. Needs RECOUP_LAKE_CATALOG and RECOUP_LAKE_DATA; see docs/bi/lake.md.
    """
    from pipelines import nightly as steps_of_the_night
    from pipelines.console.progress import working
    from pipelines.errors import BadSettings

    settings = settings_of_a_warehouse()
    if not settings.has_lake:
        raise BadSettings("no lake is named; set RECOUP_LAKE_CATALOG and RECOUP_LAKE_DATA (see docs/bi/lake.md)")
    with working("writing into the lake"):
        update = steps_of_the_night.update_lake(settings, utc_now, takes_over=takes_over)
    tell_lake(update)


def tell_lake(update: "LakeUpdate") -> None:
    """Say what was written into the lake, if there is one; raise what went wrong with it."""
    update.raise_failure()
    if (done := update.report) is None:
        return
    days = sum(map(len, done.written_days.values()))
    what = f"wrote {count(days, 'day')} of {count(len(done.written_days), 'table')}" if days else "nothing to write"
    told = f"lake: snapshot {done.snapshot_number} is its version {done.version} ({what})"
    say("lake", told, snapshot=done.snapshot_number, version=done.version, day_count=days)


COMMANDS = (lake,)
