"""The command that answers programs that ask in words: mcp. What they may ask is in pipelines/mcp/."""

import click

from pipelines.cli.chosen import settings_of_a_warehouse
from pipelines.errors import BadSettings


@click.command()
def mcp() -> None:
    """Answer an assistant's questions over the Model Context Protocol, on standard input and output.

    \b
    Example:
      recoup-warehouse mcp                  started by the assistant, not by a person

    Read-only: metrics with n, bounds and completeness, and bounded SELECTs, of the newest published copy. Needs the
    extra `mcp`. See docs/bi/mcp.md.
    """
    try:
        from pipelines.mcp.server import serve
    except ModuleNotFoundError as error:
        raise BadSettings(
            f"the package {error.name!r} is not installed; install recoup-warehouse[mcp]: "
            "`pip install 'recoup-warehouse[mcp]'`"
        ) from error
    serve(settings_of_a_warehouse().layout)


COMMANDS = (mcp,)
