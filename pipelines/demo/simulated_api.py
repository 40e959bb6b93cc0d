"""The simulated API beside a warehouse: which fleet it shows, how it is served, and how to poll it.

What the API does belongs to pipelines/simulator/; that real data never mix with it, to ingest/simulated_marker.py.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import SecretStr

from pipelines.archive.store import Archive
from pipelines.atomic_write import write_whole
from pipelines.clock import Clock, utc_now
from pipelines.console.number_format import count, shown_path
from pipelines.errors import BadSettings
from pipelines.ingest.simulated_marker import SIMULATOR, World, keep_world, read_world
from pipelines.paths import Layout
from pipelines.settings import Settings

if TYPE_CHECKING:
    from pipelines.simulator import Simulator

# Two weeks in which much happens and the demo polls twice a day; before them, four quiet ones.
DAYS = 14
HISTORY = timedelta(days=28)
SEED = 7
BUDGETS_USD = {0: "0.05", 1: "25.00"}
NAMES = ("Night Owl Records", "Harbour Management", "The Third House")
KEY = "recoup_sk_simulated"


def new_world(seed: int = SEED, clock: Clock = utc_now) -> World:
    """Return a world whose lively weeks began two weeks ago, on the hour."""
    hour = clock().replace(minute=0, second=0, microsecond=0)
    return World(seed, hour - timedelta(days=DAYS))


def simulator_of(world: World, now: datetime | None = None, clock: Clock | None = None) -> "Simulator":
    """Return the API of a world, at an instant or by a clock."""
    from pipelines.simulator import Fleet, Simulator
    from pipelines.simulator.demo_days import demo_faults, demo_shapes

    fleet = Fleet.demo(world.seed, world.started_at, history=HISTORY)
    simulator = Simulator(fleet, now=now, api_key=KEY, shapes=demo_shapes(world.seed), clock=clock)
    simulator.date_offset = timedelta(0)
    for fault in demo_faults(fleet, world.started_at):
        simulator.add_fault(fault)
    return simulator


def own_world(layout: Layout, clock: Clock = utc_now) -> World:
    """Return the simulated world of a warehouse, a new one for a new warehouse.

    Raises BadSettings for a warehouse that holds other data, since the two must not mix.
    """
    world = read_world(layout)
    if world is None:
        found = sources(Archive(layout.archive))
        if found == {SIMULATOR}:
            raise BadSettings(
                f"{shown_path(layout.root)} holds simulated data, but {layout.simulated_file.name} is gone, "
                "which says of what world; delete them with `recoup-warehouse demo --forget`, and begin again"
            )
        if found:
            raise BadSettings(
                f"{shown_path(layout.root)} holds polls of your own, and simulated data must not mix with them; "
                "set RECOUP_API_KEY to go on with it, or RECOUP_WAREHOUSE_DIR to another folder for the demo"
            )
        world = new_world(clock=clock)
        keep_world(layout, world)
        _write_hand_kept(layout, world)
    return world


def _write_hand_kept(layout: Layout, world: World) -> None:
    for path, text in demo_hand_kept(layout, world).items():
        if not path.exists():
            write_whole(path, text.encode())


def demo_hand_kept(layout: Layout, world: World) -> dict[Path, str]:
    """Return the files that the demo writes in a person's place: names of accounts, and budgets.

    One budget is soon crossed, one is not, and one account has none.
    """
    from pipelines.simulator.demo_fleet import demo_account

    note = "# Written by the demo, and deleted by `demo --forget`."
    budgets = [f"{demo_account(world.seed, account)},{usd},0.8" for account, usd in BUDGETS_USD.items()]
    names = [f"{demo_account(world.seed, account)},{name}" for account, name in enumerate(NAMES)]
    files = {
        layout.budgets_file: ["account_id,monthly_budget_usd,warn_ratio", note, *budgets],
        layout.account_names_file: ["account_id,account_name", note, *names],
    }
    return {path: "\n".join(lines) + "\n" for path, lines in files.items()}


def sources(archive: Archive) -> set[str]:
    """Tell where the polls of an archive came from: api, simulator, file."""
    return {record.start.source for record in map(archive.poll, archive.poll_ids()) if record}


def pointed_at(settings: Settings, origin: str, simulator: "Simulator") -> Settings:
    """Return the settings with address, key and accounts of a simulated API."""
    return settings.model_copy(
        update={
            "api_url": origin,
            "api_key": SecretStr(KEY),
            "account_ids": simulator.fleet.account_ids,
            "artist_account_ids": (),
            "task_ids": (),
        }
    )


@contextmanager
def live_api(settings: Settings) -> Iterator[tuple[str, "Simulator"]]:
    """Serve the warehouse's simulated world by the real clock, for a Dagster server without a key."""
    from pipelines.simulator import serve

    simulator = simulator_of(own_world(settings.layout), clock=utc_now)
    with serve(simulator) as origin:
        yield origin, simulator


def fast_clock(speed: float) -> Clock:
    """Return a clock that starts now and runs `speed` times as fast as the real one."""
    started_at, began = utc_now(), time.monotonic()
    return lambda: started_at + timedelta(seconds=(time.monotonic() - began) * speed)


def serve_until_interrupted(settings: Settings, port: int, seed: int | None, speed: float) -> None:
    """Serve a simulated API on loopback and print how to poll it; Ctrl-C ends it.

    Raises BadSettings when the port cannot be used.
    """
    from pipelines.simulator import serve

    world = (read_world(settings.layout) if seed is None else None) or new_world(SEED if seed is None else seed)
    simulator = simulator_of(world, clock=fast_clock(speed))
    try:
        with serve(simulator, port) as origin:
            for line in _how_to_poll(origin, simulator):
                click.echo(line)
            threading.Event().wait()
    except OSError as error:
        raise BadSettings(f"port {port} cannot be used ({error.strerror}); choose another with --port") from error


def _how_to_poll(origin: str, simulator: "Simulator") -> Iterator[str]:
    yield f"Simulated Recoup API at {origin} until Ctrl-C: {count(len(simulator.fleet.tasks), 'task')}, made-up data."
    yield "To poll it, in another terminal:"
    yield f"  export RECOUP_API_URL={origin} RECOUP_API_KEY={KEY}"
    yield f"  export RECOUP_ACCOUNT_IDS={','.join(simulator.fleet.account_ids)}"
    yield "  export RECOUP_WAREHOUSE_DIR=warehouse-simulated"
    yield "  recoup-warehouse nightly"
