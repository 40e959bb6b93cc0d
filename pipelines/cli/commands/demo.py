"""Commands for seeing the product at work: demo, simulate, dev. What they do belongs to demo/ and cli/dev_server.py.

What the simulated API does belongs to pipelines/simulator/.
"""

import click

from pipelines.cli.chosen import settings_of_a_new_warehouse
from pipelines.cli.commands.options import AT
from pipelines.clock import Clock


@click.command()
@click.option("--forget", is_flag=True, help="Delete what the demo put into the warehouse; never touches real data.")
@AT
def demo(forget: bool, clock: Clock) -> None:
    """Show the whole way from API to numbers (`make run`).

    \b
    Examples:
      recoup-warehouse demo
      recoup-warehouse demo --at 2026-11-27T12:00:00Z      the numbers of README.md, on any machine
      RECOUP_API_KEY=recoup_sk_... recoup-warehouse demo

    Without a key: serve a simulated API on loopback, poll six simulated weeks, build, check, publish, sum up. Again:
    carry on from there to now. With a key: one `nightly` against the real API.
    """
    from pipelines.demo import run as demonstration

    settings = settings_of_a_new_warehouse()
    if forget:
        demonstration.forget(settings)
    else:
        demonstration.run(settings, clock)


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8787, show_default=True, help="0 takes any free port.")
@click.option(
    "--seed", type=int, help="The same seed gives the same tasks. Default: the world of the demo, if there is one."
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Simulated seconds per second.",
)
def simulate(port: int, seed: int | None, speed: float) -> None:
    """Serve the simulated Recoup API on loopback until Ctrl-C.

    \b
    Examples:
      recoup-warehouse simulate
      recoup-warehouse simulate --speed 3600        an hour in every second

    It prints the settings that point the other commands to it.
    """
    from pipelines.demo.simulated_api import serve_until_interrupted
    from pipelines.settings import Settings

    serve_until_interrupted(Settings.load(), port, seed, speed)


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=3000, show_default=True, help="Where the UI listens.")
@click.pass_context
def dev(ctx: click.Context, port: int) -> None:
    """Open the Dagster UI (`make dev`).

    \b
    Examples:
      recoup-warehouse dev
      RECOUP_SCHEDULES=on recoup-warehouse dev      it polls, and runs the nightly, by itself

    State lives in the warehouse directory and survives restarts. Without a key, runs poll the simulated API of the
    demo, served for as long as the UI runs.
    """
    from pipelines.cli.dev_server import serve_dagster

    ctx.exit(serve_dagster(settings_of_a_new_warehouse(), port))


COMMANDS = (demo, simulate, dev)
