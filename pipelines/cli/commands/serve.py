"""The command that lets other machines read the published copies: serve. What it answers is in publish/http_copies.py."""

import click

from pipelines.cli.chosen import settings_of_a_warehouse
from pipelines.console.log import say


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 lets others in.")
@click.option("--port", type=click.IntRange(1, 65535), default=8788, show_default=True, help="Port to listen on.")
def serve(host: str, port: int) -> None:
    """Serve the published copies over HTTP until Ctrl-C, for DuckDB on other machines.

    \b
    Examples:
      recoup-warehouse serve
      RECOUP_SERVE_TOKEN=... recoup-warehouse serve --host 0.0.0.0

    `/current.json` names the newest copy; `attach 'http://.../snapshots/<n>/recoup.duckdb'` reads it. `/` is the report.
    See docs/bi/http.md.
    """
    from pipelines.publish.http_copies import POINTER, serve_copies

    settings = settings_of_a_warehouse()
    say("serve", f"published copies at http://{host}:{port}{POINTER} until Ctrl-C", host=host, port=port)
    serve_copies(settings.layout, host, port, settings.serve_token.get_secret_value() if settings.serve_token else None)


COMMANDS = (serve,)
