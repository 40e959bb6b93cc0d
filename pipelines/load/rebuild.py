"""Making core again from the archive alone, in poll order: the migration story, and the answer to a changed policy.

Nothing here fetches.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipelines.archive.store import Archive
from pipelines.archive.verify import NOTHING, Known, verify
from pipelines.database.begun import remove_begun
from pipelines.database.connection import Connection, Warehouse
from pipelines.database.core_schema import apply_core
from pipelines.errors import ArchiveDamaged
from pipelines.load.hash_key import Privacy
from pipelines.load.poll_rows import known_polls
from pipelines.load.resume import loaded_before
from pipelines.load.session import IsAlive, Loader, nobody
from pipelines.paths import Layout
from pipelines.progress import Progress
from pipelines.settings import Settings

# A message is read in one line; with `--accept-loss` all of them are told.
MOST_TOLD = 3


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many polls a rebuild loaded, and what it could not: one sentence each."""

    poll_count: int
    lost: Sequence[str] = ()


def rebuild(
    settings: Settings, *, accept_loss: bool = False, accept_new_key: bool = False, progress: Progress | None = None
) -> Rebuilt:
    """Replace the work file by one made from the archive.

    Marts are not built here. Raises WarehouseBusy when another writer holds the lock. With nothing changed it raises
    ArchiveDamaged rather than lose a poll without `accept_loss`, and BadSettings rather than hash by another key than
    before without `accept_new_key`.
    """
    warehouse = Warehouse.of(settings)
    with warehouse.locked():
        if accept_new_key:
            Privacy.of(settings, accepts_new_key=True)
        else:
            _refuse_other_key(settings)
        return rebuild_locked(
            warehouse, settings, lambda _: warehouse.is_polled(), accept_loss=accept_loss, progress=progress
        )


def _refuse_other_key(settings: Settings) -> None:
    privacy = Privacy.of(settings)
    with _time_before(settings.layout) as con, suppress(duckdb.Error):
        if con:
            privacy.refuse_other_key(con)


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
    the old one may hold values that the policy no longer lets out; or that of a rebuild which was killed on its way here.
    Raises ArchiveDamaged, as `rebuild`.
    """
    archive = Archive(settings.layout.archive)
    found = verify(archive, _known(settings.layout), progress)
    # A chain that is damaged loses no poll.
    lost = {each.poll_id: each.error for each in reversed(found.damages) if each.poll_id}
    told = [str(error) for error in reversed(lost.values())]
    if lost and not accept_loss:
        raise ArchiveDamaged(_told(told))
    archive.chain.seal_left([archive.ledger(poll_id) for poll_id in found.unsealed if not is_alive(poll_id)])
    # Of a lost poll a row tells that it is lost.
    poll_ids = sorted({*archive.poll_ids(), *lost})
    try:
        _load(warehouse, settings, is_alive, poll_ids, lost, progress)
    except Exception:
        # What failed may fail again, as on a full disk; only what was killed is gone on with.
        remove_begun(settings.layout.rebuild_file)
        raise
    # The old file's log must go first: a stray .wal is replayed silently into whatever file stands beside it.
    Path(f"{settings.layout.work_file}.wal").unlink(missing_ok=True)
    settings.layout.rebuild_file.replace(settings.layout.work_file)
    Layout.basis_file(settings.layout.rebuild_file).unlink()
    return Rebuilt(len(poll_ids), told)


def _load(
    warehouse: Warehouse,
    settings: Settings,
    is_alive: IsAlive,
    poll_ids: Sequence[str],
    lost: Mapping[str, ArchiveDamaged],
    progress: Progress | None,
) -> None:
    loaded = loaded_before(warehouse, settings, settings.layout.rebuild_file, poll_ids, lost)
    with warehouse.open(settings.layout.rebuild_file) as con:
        apply_core(con)
        loader = Loader.of(con, settings)
        for done, poll_id in enumerate(poll_ids, start=1):
            if poll_id not in loaded:
                loader.load_archived(poll_id, is_alive, lost.get(poll_id))
            if progress:
                progress("reading the archive", done, len(poll_ids))
        con.execute("checkpoint")


def _known(layout: Layout) -> Known:
    with _time_before(layout) as con, suppress(duckdb.Error):
        if con:
            return known_polls(con)
    return NOTHING


@contextmanager
def _time_before(layout: Layout) -> Iterator[Connection | None]:
    """Open what tells what was loaded: the work file; the published copy where that is gone or damaged; or nothing."""
    for file in (layout.work_file, layout.published_file):
        con = None
        with suppress(duckdb.Error):
            con = duckdb.connect(str(file.resolve()), read_only=True) if file.exists() else None
        if con:
            with closing(con):
                yield con
            return
    yield None


def _told(lost: Sequence[str]) -> str:
    more = f"; and {len(lost) - MOST_TOLD} more" if len(lost) > MOST_TOLD else ""
    return f"nothing was changed: {'; '.join(lost[:MOST_TOLD])}{more}"
