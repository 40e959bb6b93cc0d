"""Making core again from the archive alone, in poll order: the migration story, and the answer to a changed policy.

Nothing here fetches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipelines.archive.store import Archive
from pipelines.archive.verify import NONE, Loaded, verify
from pipelines.database.connection import Warehouse
from pipelines.database.core_schema import apply_core
from pipelines.errors import ArchiveDamaged
from pipelines.load.poll_rows import loaded_polls
from pipelines.load.session import IsAlive, Loader, nobody
from pipelines.progress import Progress
from pipelines.settings import Settings

# A message is read in one line; with `--accept-loss` all of them are told.
MOST_TOLD = 3


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many polls a rebuild loaded, and what it could not: one sentence each."""

    poll_count: int
    lost: Sequence[str] = ()


def rebuild(settings: Settings, *, accept_loss: bool = False, progress: Progress | None = None) -> Rebuilt:
    """Replace the work file by one made from the archive.

    Marts are not built here. Raises WarehouseBusy when another writer holds the lock, and ArchiveDamaged, with nothing
    changed, rather than lose a poll without `accept_loss`.
    """
    warehouse = Warehouse.of(settings)
    with warehouse.locked():
        return rebuild_locked(
            warehouse, settings, lambda _: warehouse.is_polled(), accept_loss=accept_loss, progress=progress
        )


def rebuild_locked(
    warehouse: Warehouse,
    settings: Settings,
    is_alive: IsAlive = nobody,
    *,
    accept_loss: bool = False,
    progress: Progress | None = None,
) -> Rebuilt:
    """Do the work of `rebuild` for a caller that holds the lock and has the work file closed.

    A poll without an end is left out while `is_alive` says that somebody writes it. A fresh file, because freed pages of
    the old one may hold values that the policy no longer lets out. Raises ArchiveDamaged, as `rebuild`.
    """
    archive = Archive(settings.layout.archive)
    lost = [str(damage.error) for damage in verify(archive, _loaded(warehouse), progress)]
    if lost and not accept_loss:
        raise ArchiveDamaged(_told(lost))
    fresh, poll_ids = settings.layout.rebuild_file, archive.poll_ids()
    with warehouse.open(fresh) as con:
        apply_core(con)
        loader = Loader.of(con, settings)
        for done, poll_id in enumerate(poll_ids, start=1):
            loader.load_archived(poll_id, is_alive)
            if progress:
                progress("reading the archive", done, len(poll_ids))
        con.execute("checkpoint")
    # The old file's log must go first: a stray .wal is replayed silently into whatever file stands beside it.
    Path(f"{settings.layout.work_file}.wal").unlink(missing_ok=True)
    fresh.replace(settings.layout.work_file)
    return Rebuilt(len(poll_ids), lost)


def _loaded(warehouse: Warehouse) -> Loaded:
    """Return the polls of the work file; none when it cannot be read, since then the archive is all there is."""
    if not warehouse.layout.work_file.exists():
        return NONE
    try:
        with warehouse.open(warehouse.layout.work_file) as con:
            return loaded_polls(con)
    except duckdb.Error:
        return NONE


def _told(lost: Sequence[str]) -> str:
    more = f"; and {len(lost) - MOST_TOLD} more" if len(lost) > MOST_TOLD else ""
    return f"nothing was changed: {'; '.join(lost[:MOST_TOLD])}{more}"
