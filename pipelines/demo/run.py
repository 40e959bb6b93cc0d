"""The demonstration behind `make run`: two simulated weeks over real HTTP, or one nightly when there is a key.

The simulated API belongs to demo/simulated_api.py, the pipeline's steps to nightly.py, the closing lines to
console/summary.py.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from pipelines import nightly as night
from pipelines.archive.store import Archive
from pipelines.clock import fixed, utc_now
from pipelines.console.number_format import count, shown_path
from pipelines.console.progress import Steps, working
from pipelines.console.summary import print_summary
from pipelines.database.connection import Warehouse
from pipelines.demo.simulated_api import DAYS, own_world, pointed_at, simulator_of, sources
from pipelines.errors import BadSettings, RecoupError
from pipelines.ingest import poll as polling
from pipelines.ingest.simulated_marker import World, world_file
from pipelines.settings import Settings

if TYPE_CHECKING:
    from pipelines.simulator import Simulator

POLLS_A_DAY = 4
# Enough to recover what four polls a day miss, and few enough that two weeks take less than a minute.
DETAILS_PER_POLL = 50
MOST_POLLS = DAYS * POLLS_A_DAY
PACE = timedelta(days=1) / POLLS_A_DAY
# On a slow machine polls are left out, down to one a day, so that a newcomer does not wait longer than this.
PATIENCE_SECONDS = 50
JUDGED_AFTER = 8
# Two bad days, since the real API has them: an outage that answers with empty lists, and one that does not answer.
SILENT_OUTAGE_DAY, DOWN_DAY = 5, 10


def run(settings: Settings) -> None:
    """Poll, build, check, publish and sum up. Raises whatever ended that."""
    polled = None
    if settings.api_key is None:
        _simulated(settings)
    else:
        click.echo(f"Polling {settings.api_url} with your RECOUP_API_KEY.")
        with working("asking the API") as steps:
            polled = night.nightly(settings, clock=utc_now, progress=steps.count).poll
    click.echo("")
    print_summary(settings)
    if polled:
        polled.raise_partial()


def forget(settings: Settings) -> None:
    """Delete a warehouse that the demo filled. Raises BadSettings, and deletes nothing, if it holds anything else."""
    layout = settings.layout
    if not world_file(layout).exists():
        raise BadSettings(f"{shown_path(layout.root)} holds no simulated data, so nothing was deleted")
    warehouse = Warehouse.of(settings)
    with warehouse.publishing(), warehouse.locked():
        if sources(Archive(layout.archive)) - {"simulator"}:
            raise BadSettings(f"{shown_path(layout.root)} holds more than simulated data, so nothing was deleted")
        layout.current.unlink(missing_ok=True)
        for folder in (layout.snapshots, layout.archive, layout.dagster_home, layout.work):
            shutil.rmtree(folder, ignore_errors=True)
        world_file(layout).unlink()
    click.echo(f"deleted the simulated data in {shown_path(layout.root)}")


def poll_times(since: datetime, last_poll_at: datetime | None, now: datetime) -> list[datetime]:
    """Return when the demo polls: some five times a day from where it stands, and now."""
    reached = last_poll_at or since
    pace = max(PACE, (now - reached) / MOST_POLLS)
    steps = range(1, MOST_POLLS + 1)
    return [at for step in steps if (at := reached + step * pace) < now - pace / 2] + [now]


def in_time(times: list[datetime], timer: Callable[[], float] = time.monotonic) -> Iterator[datetime]:
    """Yield the times. Once the pace is known, skip some, evenly, so that the rest fits into PATIENCE_SECONDS."""
    began, left, done, first = timer(), times, 0, 0.0
    while left:
        yield left[0]
        done += 1
        left = left[1:]
        spent = timer() - began
        # The first poll is no measure: it imports modules, and all its tasks are new.
        first = first or spent
        if done >= JUDGED_AFTER:
            left = _thinned(left, max(DAYS, int((PATIENCE_SECONDS - spent) * (done - 1) / (spent - first))))


def _thinned(times: list[datetime], most: int) -> list[datetime]:
    """Return at most so many of the times, evenly spread, the last one with them."""
    kept = min(len(times), most)
    return [times[step * len(times) // kept - 1] for step in range(1, kept + 1)]


def _simulated(settings: Settings) -> None:
    world = own_world(settings.layout)
    last_poll_at = _last_poll_at(Archive(settings.layout.archive))
    now = utc_now().replace(microsecond=0)
    times = poll_times(world.started_at, last_poll_at, now)
    click.echo(
        "RECOUP_API_KEY is not set, so this polls a SIMULATED Recoup API on this machine: "
        f"made-up tasks and runs, {count(len(times), 'poll')} from {times[0]:%Y-%m-%d} to now "
        "(fewer on a slow machine). Set the key (see .env.example) to poll your own tasks."
    )
    with working("starting the simulated API") as steps:
        failed = _poll_and_publish(settings, world, times, steps)
    if failed:
        click.echo(f"{count(failed, 'poll')} failed on the way, as the simulated API was down for an hour.")


def _poll_and_publish(settings: Settings, world: World, times: list[datetime], steps: Steps) -> int:
    from pipelines.simulator import serve

    simulator = simulator_of(world, now=times[0])
    _add_bad_days(simulator, world)
    failed = 0
    with serve(simulator) as origin:
        # One try: what the simulator answers now it would answer again, since its clock stands still.
        budget = min(settings.details_per_poll, DETAILS_PER_POLL)
        pointed = pointed_at(settings, origin, simulator).model_copy(
            update={"max_attempts": 1, "details_per_poll": budget}
        )
        for at in in_time(times[:-1]):
            steps.count(f"polling {at:%a %d %b %H:%M}", times.index(at), len(times))
            simulator.set_now(at)
            try:
                polling.poll(pointed, clock=fixed(at))
            except RecoupError:
                failed += 1
        simulator.set_now(times[-1])
        steps.say("building, checking, publishing")
        night.nightly(pointed, clock=fixed(times[-1]), progress=steps.count)
    return failed


def _last_poll_at(archive: Archive) -> datetime | None:
    records = map(archive.poll, archive.poll_ids()[-1:])
    return next((record.start.started_at for record in records if record), None)


def _add_bad_days(simulator: "Simulator", world: World) -> None:
    from pipelines.simulator import Fault

    for kind, day in (("silent_outage", SILENT_OUTAGE_DAY), ("gateway_timeout", DOWN_DAY)):
        from_at = world.started_at + timedelta(days=day)
        simulator.add_fault(Fault(kind=kind, from_at=from_at, to_at=from_at + PACE))
