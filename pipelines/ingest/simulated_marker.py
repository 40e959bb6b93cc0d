"""Simulated data and real ones never mix in a warehouse: where its polls came from, and the note of a simulated world.

How a world is simulated and served belongs to demo/.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from pipelines.archive.store import Archive
from pipelines.atomic_write import write_whole
from pipelines.console.number_format import shown_path
from pipelines.errors import ArchiveDamaged, BadSettings
from pipelines.paths import Layout
from pipelines.settings import Settings, is_loopback

API, SIMULATOR = "api", "simulator"


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


def source_of(settings: Settings) -> str:
    """Name the source that the settings lead to: the real API, or a simulator on this machine."""
    return SIMULATOR if is_loopback(urlsplit(settings.api_url).hostname or "") else API


def refuse_mixing(settings: Settings) -> None:
    """Raise BadSettings when a poll would bring real data into a warehouse of simulated ones, or the reverse."""
    now, before = source_of(settings), _source_before(settings.layout)
    where = shown_path(settings.layout.root)
    if (now, before) == (API, SIMULATOR) and settings.api_key is not None:
        raise BadSettings(
            f"{where} holds simulated data, which must not mix with yours; "
            "delete it with `recoup-warehouse demo --forget`, or set RECOUP_WAREHOUSE_DIR to another folder"
        )
    if (now, before) == (SIMULATOR, API):
        raise BadSettings(
            f"{where} holds data of the real API, and RECOUP_API_URL leads to this machine, as a simulated API's does: "
            "such data must not mix. Set RECOUP_WAREHOUSE_DIR to another folder, or RECOUP_API_URL to the real API"
        )


def _source_before(layout: Layout) -> str | None:
    """Tell where the polls of a warehouse came from, saved bodies apart. The note may be gone; the ledgers are not."""
    if layout.simulated_file.exists():
        return SIMULATOR
    archive = Archive(layout.archive)
    for poll_id in reversed(archive.poll_ids()):
        with suppress(ArchiveDamaged):
            record = archive.poll(poll_id)
            if record and record.start.source in (API, SIMULATOR):
                return record.start.source
    return None
