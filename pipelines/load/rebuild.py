"""Making core again from the archive alone, in poll order: the migration story, and the answer to a changed policy.

Nothing here fetches.
"""

from pathlib import Path

from pipelines.archive.store import Archive
from pipelines.database.connection import Warehouse
from pipelines.database.core_schema import apply_core
from pipelines.load.session import Loader
from pipelines.progress import Progress
from pipelines.settings import Settings


def rebuild(settings: Settings, *, progress: Progress | None = None) -> int:
    """Replace the work file by one made from the archive; return the number of polls loaded.

    Marts are not built here. Raises WarehouseBusy when another writer holds the lock.
    """
    warehouse = Warehouse.of(settings)
    with warehouse.locked():
        return rebuild_locked(warehouse, settings, progress)


def rebuild_locked(warehouse: Warehouse, settings: Settings, progress: Progress | None = None) -> int:
    """Do the work of `rebuild` for a caller that holds the lock and has the work file closed.

    A fresh file, because freed pages of the old one may hold values that the policy no longer lets out.
    """
    archive = Archive(settings.layout.archive)
    fresh = settings.layout.work / "rebuild.duckdb"
    _remove(fresh)
    poll_ids = archive.poll_ids()
    with warehouse.open(fresh) as con:
        apply_core(con)
        loader = Loader.of(con, settings)
        for done, poll_id in enumerate(poll_ids, start=1):
            record = archive.poll(poll_id)
            if record is not None:
                loader.load(record)
            if progress:
                progress("reading the archive", done, len(poll_ids))
        con.execute("checkpoint")
    # The old file's log must go first: a stray .wal is replayed silently into whatever file stands beside it.
    Path(f"{settings.layout.work_file}.wal").unlink(missing_ok=True)
    fresh.replace(settings.layout.work_file)
    return len(poll_ids)


def _remove(path: Path) -> None:
    for leftover in (path, Path(f"{path}.wal")):
        leftover.unlink(missing_ok=True)
