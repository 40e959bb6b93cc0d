"""The simulated API beside a warehouse: which fleet it shows, how it is served, and that real data never mix with it.

What the API does belongs to pipelines/simulator/; polling it to demo.py.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click
from pydantic import SecretStr

from pipelines.archive import Archive
from pipelines.clock import Clock, utc_now
from pipelines.errors import BadSettings
from pipelines.figures import count, place
from pipelines.layout import Layout
from pipelines.settings import Settings, is_loopback
from pipelines.whole_file import write_whole

if TYPE_CHECKING:
    from pipelines.simulator import Simulator

DAYS = 14
SEED = 7
KEY = "recoup_sk_simulated"


@dataclass(frozen=True, slots=True)
class World:
    """Which simulated world a warehouse holds; the same world again continues its history."""

    seed: int
    started_at: datetime

    @classmethod
    def new(cls, seed: int = SEED) -> "World":
        """Return a world that began two weeks ago, on the hour."""
        hour = utc_now().replace(minute=0, second=0, microsecond=0)
        return cls(seed, hour - timedelta(days=DAYS))

    def simulator(self, now: datetime | None = None, clock: Clock | None = None) -> "Simulator":
        """Return its API, at an instant or by a clock."""
        from pipelines.simulator import Fleet, Simulator

        return Simulator(Fleet.demo(self.seed, self.started_at), now=now, api_key=KEY, clock=clock)


def world_file(layout: Layout) -> Path:
    """Name the file that says a warehouse holds simulated data, and which."""
    return layout.root / "simulated.json"


def read_world(layout: Layout) -> World | None:
    """Return the simulated world of a warehouse; None when it holds none."""
    try:
        facts = json.loads(world_file(layout).read_text(encoding="utf-8"))
        return World(int(facts["seed"]), datetime.fromisoformat(facts["started_at"]).astimezone(UTC))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise BadSettings(
            f"{world_file(layout)} is damaged; delete the demo's data with `recoup-warehouse demo --forget`"
        ) from error


def keep_world(layout: Layout, world: World) -> None:
    """Note the world before its first poll, so that a kill never leaves simulated data unmarked."""
    layout.prepare()
    facts = {"seed": world.seed, "started_at": world.started_at.isoformat()}
    write_whole(world_file(layout), json.dumps(facts).encode() + b"\n")


def own_world(layout: Layout) -> World:
    """Return the simulated world of a warehouse, a new one for a new warehouse; other data are not mixed into."""
    world = read_world(layout)
    if world is None:
        if sources(Archive(layout.archive)):
            raise BadSettings(
                f"{place(layout.root)} holds polls of your own, and simulated data must not mix with them; "
                "set RECOUP_API_KEY to go on with it, or RECOUP_WAREHOUSE_DIR to another folder for the demo"
            )
        world = World.new()
        keep_world(layout, world)
    return world


def sources(archive: Archive) -> set[str]:
    """Tell where the polls of an archive came from: api, simulator, file."""
    return {record.start.source for record in map(archive.poll, archive.poll_ids()) if record}


def refuse_mixing(settings: Settings) -> None:
    """Raise BadSettings when the real API would be polled into a warehouse of simulated data."""
    is_simulator = is_loopback(urlsplit(settings.api_url).hostname or "")
    if settings.api_key is not None and not is_simulator and world_file(settings.layout).exists():
        raise BadSettings(
            f"{place(settings.layout.root)} holds the demo's simulated data, which must not mix with yours; "
            "delete it with `recoup-warehouse demo --forget`, or set RECOUP_WAREHOUSE_DIR to another folder"
        )


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

    simulator = own_world(settings.layout).simulator(clock=utc_now)
    with serve(simulator) as origin:
        yield origin, simulator


def fast_clock(speed: float) -> Clock:
    """Return a clock that starts now and runs `speed` times as fast as the real one."""
    started_at, began = utc_now(), time.monotonic()
    return lambda: started_at + timedelta(seconds=(time.monotonic() - began) * speed)


def serve_until_interrupted(settings: Settings, port: int, seed: int | None, speed: float) -> None:
    """Serve a simulated API on loopback and print how to poll it; Ctrl-C ends it."""
    from pipelines.simulator import serve

    world = (read_world(settings.layout) if seed is None else None) or World.new(SEED if seed is None else seed)
    simulator = world.simulator(clock=fast_clock(speed))
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
