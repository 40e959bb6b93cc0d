"""The demonstration behind `make run`: six simulated weeks over real HTTP, or one nightly when there is a key.

What it shows is the same on every machine: how often it polls depends on nothing but the instant at which it ends.

The simulated API belongs to demo/simulated_api.py, the pipeline's steps to nightly.py, the closing lines to
console/summary.py.
"""

import shutil
from datetime import datetime, timedelta

import click

from pipelines import nightly as night
from pipelines.archive.store import Archive
from pipelines.clock import Clock, utc_now
from pipelines.console.log import say
from pipelines.console.number_format import count, shown_path
from pipelines.console.progress import Steps, working
from pipelines.console.summary import print_summary
from pipelines.database.connection import Warehouse
from pipelines.demo.simulated_api import DAYS, HISTORY, demo_hand_kept, own_world, pointed_at, simulator_of, sources
from pipelines.errors import BadSettings, RecoupError
from pipelines.ingest import poll as polling
from pipelines.ingest.simulated_marker import SIMULATOR, World, read_world
from pipelines.paths import Layout
from pipelines.settings import Settings

PACE, QUIET_PACE = timedelta(hours=12), timedelta(days=4)
MOST_POLLS = timedelta(days=DAYS) // PACE
# Enough for the reasons of nearly all failures, and few enough that the whole takes less than a minute.
DETAILS_PER_POLL = 40


def run(settings: Settings, clock: Clock = utc_now) -> None:
    """Poll, build, check, publish and sum up, all by a clock. Raises whatever ended that."""
    polled = None
    if settings.api_key is None:
        _simulated(settings, clock)
    else:
        say("demo", f"Polling {settings.api_url} with your RECOUP_API_KEY.")
        with working("asking the API") as steps:
            polled = night.nightly(settings, clock=clock, progress=steps.count).poll
    click.echo("")
    print_summary(settings)
    if polled:
        polled.raise_partial()


def forget(settings: Settings) -> None:
    """Delete a warehouse that the demo filled. Raises BadSettings, and deletes nothing, if it holds anything else."""
    layout = settings.layout
    if not (layout.simulated_file.exists() or sources(Archive(layout.archive)) == {SIMULATOR}):
        raise BadSettings(f"{shown_path(layout.root)} holds no simulated data, so nothing was deleted")
    warehouse = Warehouse.of(settings)
    with warehouse.polling(), warehouse.publishing(), warehouse.locked():
        if sources(Archive(layout.archive)) - {SIMULATOR}:
            raise BadSettings(f"{shown_path(layout.root)} holds more than simulated data, so nothing was deleted")
        layout.current.unlink(missing_ok=True)
        _forget_hand_kept(layout)
        for folder in (layout.snapshots, layout.archive, layout.incidents, layout.dagster_home, layout.work):
            shutil.rmtree(folder, ignore_errors=True)
        layout.simulated_file.unlink(missing_ok=True)
    say("demo", f"deleted the simulated data in {shown_path(layout.root)}")


def _forget_hand_kept(layout: Layout) -> None:
    """Delete budgets and names of accounts, unless a person has changed them since the demo wrote them."""
    world = read_world(layout)
    for path, text in demo_hand_kept(layout, world).items() if world else ():
        if path.exists() and path.read_text("utf-8") == text:
            path.unlink()


def poll_times(since: datetime, last_poll_at: datetime | None, now: datetime) -> list[datetime]:
    """Return when the demo polls: seldom before `since`, twice a day from then on, and now.

    Later, it goes on from the last poll; after a long pause in longer steps.
    """
    steps = range(1, MOST_POLLS + 1)
    if last_poll_at is None:
        before = [since - step * QUIET_PACE for step in reversed(range(HISTORY // QUIET_PACE))]
        return [*before, *poll_times(since, since, now)]
    pace = max(PACE, (now - last_poll_at) / MOST_POLLS)
    return [at for step in steps if (at := last_poll_at + step * pace) < now - pace / 2] + [now]


def _simulated(settings: Settings, clock: Clock) -> None:
    world = own_world(settings.layout, clock)
    last_poll_at, now = _last_poll_at(Archive(settings.layout.archive)), clock().replace(microsecond=0)
    if last_poll_at and now < last_poll_at:
        raise BadSettings(
            f"the demo in {shown_path(settings.layout.root)} has gone on to {last_poll_at:%Y-%m-%d %H:%M} UTC already; "
            "name a later instant, or begin again after `recoup-warehouse demo --forget`"
        )
    times = poll_times(world.started_at, last_poll_at, now)
    say(
        "demo",
        "RECOUP_API_KEY is not set, so this polls a SIMULATED Recoup API on this machine: "
        f"made-up tasks and runs, {count(len(times), 'poll')} from {times[0]:%Y-%m-%d} to {times[-1]:%Y-%m-%d %H:%M}. "
        "Set the key (see .env.example) to poll your own tasks.",
    )
    with working("starting the simulated API") as steps:
        failed = _poll_and_publish(settings, world, times, steps)
    if failed:
        say("demo", f"{count(failed, 'poll')} failed on the way, as the simulated API did not answer for half a day.")


def _poll_and_publish(settings: Settings, world: World, times: list[datetime], steps: Steps) -> int:
    from pipelines.simulator import serve

    simulator = simulator_of(world, now=times[0])
    failed = 0
    with serve(simulator) as origin:
        # One try: what the simulator answers now it would answer again, since its clock stands still.
        simulated = lambda: simulator.now  # noqa: E731 - not `fixed`, since the server's clock shows the same
        pointed = pointed_at(settings, origin, simulator).model_copy(update={"max_attempts": 1})
        for done, at in enumerate(times[:-1]):
            steps.count(f"polling {at:%a %d %b %H:%M}", done, len(times))
            simulator.set_now(at)
            try:
                polling.poll(_with_details(pointed, at, world), clock=simulated)
            except RecoupError:
                failed += 1
        simulator.set_now(times[-1])
        steps.say("building, checking, publishing")
        night.nightly(_with_details(pointed, times[-1], world), clock=simulated, progress=steps.count)
    return failed


def _with_details(settings: Settings, at: datetime, world: World) -> Settings:
    """Return the settings of one poll: in the quiet weeks nothing is pushed out of a window, so nothing is recovered."""
    most = min(settings.details_per_poll, DETAILS_PER_POLL)
    return settings.model_copy(update={"details_per_poll": most if at > world.started_at else 0})


def _last_poll_at(archive: Archive) -> datetime | None:
    records = map(archive.poll, archive.poll_ids()[-1:])
    return next((record.start.started_at for record in records if record), None)
