"""Going on with a database that holds the first polls of the archive, if they would be loaded the same today.

A rebuild that was killed leaves one, and so does each look at the past.

Loading them belongs to rebuild.py. What a changed policy of privacy drops is removed by whoever takes the writer's lock.
"""

import hashlib
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

import duckdb

from pipelines.atomic_write import write_whole
from pipelines.database.begun import remove_begun
from pipelines.database.connection import Warehouse
from pipelines.errors import ArchiveDamaged
from pipelines.load.hash_key import Privacy
from pipelines.paths import SQL_DIR, Layout
from pipelines.settings import Settings

_CODE = Path(__file__).parent.parent


def loaded_before(
    warehouse: Warehouse, settings: Settings, begun: Path, poll_ids: Sequence[str], lost: Collection[str] = ()
) -> set[str]:
    """Return the polls that `begun` holds already. One that would be another today is removed, and none are.

    Each poll is loaded in one transaction, in order; so what is there must be the beginning of what shall be there, made by
    the same code and SQL under the same key and policy.
    """
    basis, basis_file = _basis(warehouse, settings), Layout.basis_file(begun)
    if begun.exists() and _told(basis_file) == basis:
        with suppress(duckdb.Error), warehouse.open(begun) as con:
            query = "select poll_id, error_kind from core.polls where status <> 'running' order by poll_id"
            loaded = dict(con.execute(query).fetchall())
            damaged = {poll_id for poll_id, kind in loaded.items() if kind == ArchiveDamaged.__name__}
            if list(loaded) == list(poll_ids[: len(loaded)]) and damaged == loaded.keys() & set(lost):
                return set(loaded)
    remove_begun(begun)
    write_whole(basis_file, basis.encode())
    return set()


def _basis(warehouse: Warehouse, settings: Settings) -> str:
    """Name all that the rows depend on beside the archive; the policy stands first and in clear."""
    found = hashlib.sha256(f"{Privacy.of(settings).key_id()} {settings.memory_limit} {duckdb.__version__}".encode())
    for path in sorted([*_CODE.rglob("*.py"), *SQL_DIR.rglob("*.sql"), *SQL_DIR.rglob("*.csv")]):
        found.update(path.name.encode() + path.read_bytes())
    return f"{warehouse.policy}\n{found.hexdigest()}"


def _told(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None
