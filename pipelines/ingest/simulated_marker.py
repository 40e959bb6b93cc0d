"""The note in a warehouse that its data are simulated, so that real data never mix with them.

How a world is simulated and served belongs to demo/.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from pipelines.atomic_write import write_whole
from pipelines.console.number_format import shown_path
from pipelines.errors import BadSettings
from pipelines.paths import Layout
from pipelines.settings import Settings, is_loopback


@dataclass(frozen=True, slots=True)
class World:
    """Which simulated world a warehouse holds; the same world again continues its history."""

    seed: int
    started_at: datetime


def read_world(layout: Layout) -> World | None:
    """Return the simulated world of a warehouse; None when it holds none. Raises BadSettings when the note is damaged."""
    try:
        facts = json.loads(layout.simulated_file.read_text(encoding="utf-8"))
        return World(int(facts["seed"]), datetime.fromisoformat(facts["started_at"]).astimezone(UTC))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise BadSettings(
            f"{layout.simulated_file} is damaged; delete the demo's data with `recoup-warehouse demo --forget`"
        ) from error


def keep_world(layout: Layout, world: World) -> None:
    """Write the note before the first poll, so that simulated data are marked even if that poll is killed."""
    layout.prepare()
    facts = {"seed": world.seed, "started_at": world.started_at.isoformat()}
    write_whole(layout.simulated_file, json.dumps(facts).encode() + b"\n")


def refuse_mixing(settings: Settings) -> None:
    """Raise BadSettings when the real API would be polled into a warehouse of simulated data."""
    is_simulator = is_loopback(urlsplit(settings.api_url).hostname or "")
    if settings.api_key is not None and not is_simulator and settings.layout.simulated_file.exists():
        raise BadSettings(
            f"{shown_path(settings.layout.root)} holds the demo's simulated data, which must not mix with yours; "
            "delete it with `recoup-warehouse demo --forget`, or set RECOUP_WAREHOUSE_DIR to another folder"
        )
