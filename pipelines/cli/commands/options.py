"""Options that several commands share. What the commands do with them does not belong here."""

from typing import Any

import click

from pipelines.clock import Clock, fixed, parse_instant, utc_now


class Instant(click.ParamType[Clock]):
    """An ISO 8601 instant that the command takes as the current time."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Clock:  # noqa: ARG002 - click calls it so
        """Return a clock that always shows the instant. Raises BadSettings for anything else."""
        return fixed(parse_instant(value)) if isinstance(value, str) else value


INSTANT = Instant()
AT = click.option(
    "--at",
    "clock",
    type=INSTANT,
    metavar="INSTANT",
    default=lambda: utc_now,
    help="Take this ISO instant for now (simulations, saved bodies of known date), "
    "like 2026-08-20T09:00:00Z. Default: the real time.",
)
