"""Opening the warehouse: one writer under a flock, one publisher, or any number of readers of the published copy.

What is written belongs to load/ and transform/build.py.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from pipelines.atomic_write import TEMPORARY, naming
from pipelines.database.begun import remove_begun_otherwise
from pipelines.database.sql_text import literal
from pipelines.errors import NothingPublished, WarehouseBusy
from pipelines.paths import PRIVATE_FILE_MODE, Layout
from pipelines.settings import Settings

Connection = duckdb.DuckDBPyConnection
LOCK_PAUSE_SECONDS = 0.2
# Two processes must not spill into one folder: DuckDB gives its files the same names in each. One for each lock.
SPILL, SPILL_OF_COPY, SPILL_OF_POLL = "spill", "spill-of-copy", "spill-of-poll"
ROLLBACK_TRIES = 100
# On a small warehouse DuckDB's threads mostly wait for each other: one takes half the CPU time.
SMALL_FILE_BYTES = 64 * 1024 * 1024
# DuckDB checkpoints every 16 MB of log by default; a large load then spends its time in commits.
CHECKPOINT_THRESHOLD = "1GB"
# BI drivers of the whole 1.x line must be able to open the published copy; 2.0 would write a format they cannot read.
STORAGE_VERSION = "v1.0.0"


class Warehouse:
    """The private work file and the locks. `flock` dies with its process, so a kill leaks nothing.

    Who takes several takes `polling` first, then `publishing`, and `locked` last.
    """

    def __init__(
        self, layout: Layout, *, memory_limit: str = "850MB", lock_wait_seconds: float = 60, policy: str = ""
    ) -> None:
        self.layout = layout
        self._memory_limit = memory_limit
        self._lock_wait_seconds = lock_wait_seconds
        self.policy = policy

    @classmethod
    def of(cls, settings: Settings) -> "Warehouse":
        """Return the warehouse that the settings name."""
        policy, wait = ",".join(sorted(settings.privacy_keep)), settings.lock_wait_seconds
        return cls(settings.layout, memory_limit=settings.memory_limit, lock_wait_seconds=wait, policy=policy)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the writer's lock; wait for it at most `lock_wait_seconds`, then raise WarehouseBusy."""
        with self._holding(self.layout.lock_file, "written"):
            self._clean()
            yield

    @contextmanager
    def polling(self) -> Iterator[None]:
        """Hold the poll's lock: polls are fetched one after the other, while others build, publish and read."""
        with self._holding(self.layout.poll_lock_file, "polled"):
            shutil.rmtree(self.layout.scratch / SPILL_OF_POLL, ignore_errors=True)
            yield

    def is_polled(self) -> bool:
        """Tell whether a poll is under way, in this process or another."""
        try:
            with self.layout.poll_lock_file.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Hold the publisher's lock, over the snapshots. Polls go on meanwhile: it is not the writer's."""
        with self._holding(self.layout.publish_lock_file, "published"):
            shutil.rmtree(self.layout.scratch / SPILL_OF_COPY, ignore_errors=True)
            yield

    @contextmanager
    def looking_back(self) -> Iterator[None]:
        """Hold the lock of the past: what is loaded for one instant is kept for a later one."""
        with self._holding(self.layout.past_lock_file, "looked back at"):
            yield

    @contextmanager
    def write(self, path: Path | None = None) -> Iterator[Connection]:
        """Hold the lock and open the work file (or `path`) read-write; closed when the block ends."""
        with self.locked(), self.open(path or self.layout.work_file) as con:
            yield con

    @contextmanager
    def open(self, path: Path) -> Iterator[Connection]:
        """Open a database of the pipeline's own read-write. The caller holds the lock."""
        with self._instance(SPILL) as con, self.attached(con, path):
            yield con

    @contextmanager
    def instance_of_poll(self) -> Iterator[Connection]:
        """Start DuckDB with no file, for what a poll keeps in memory while it lets the writer's lock go.

        The caller holds the poll's lock.
        """
        with self._instance(SPILL_OF_POLL) as con:
            yield con

    @contextmanager
    def attached(self, con: Connection, path: Path) -> Iterator[None]:
        """Attach a database of the pipeline's own read-write, as the one that names mean. The caller holds the lock."""
        name = f'"{path.stem}"'
        con.execute(f"attach {literal(path)} as {name} (storage_version '{STORAGE_VERSION}'); use {name}")
        try:
            path.chmod(PRIVATE_FILE_MODE)
            con.execute("set threads = 1" if path.stat().st_size < SMALL_FILE_BYTES else "reset threads")
            yield
        except BaseException:
            with suppress(duckdb.Error):  # what ended the block is the news
                _detach(con, name)
            raise
        _detach(con, name)

    @contextmanager
    def _instance(self, spill: str) -> Iterator[Connection]:
        config = self._limits(spill) | {"checkpoint_threshold": CHECKPOINT_THRESHOLD}
        with closing(duckdb.connect(config=config)) as con:
            con.execute("set timezone = 'UTC'")
            yield con

    @contextmanager
    def open_copy(self, path: Path) -> Iterator[Connection]:
        """Open a copy of the work file read-only. The caller holds the publisher's lock."""
        with closing(duckdb.connect(str(path), read_only=True, config=self._limits(SPILL_OF_COPY))) as con:
            con.execute("set timezone = 'UTC'")
            yield con

    def _limits(self, spill: str) -> dict[str, str | bool | int | float | list[str]]:
        return {
            "memory_limit": self._memory_limit,
            "temp_directory": str(self.layout.scratch / spill),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }

    def _clean(self) -> None:
        """Remove what killed writers left, which may hold values that a changed policy drops.

        What was begun under the policy of today stays, to be gone on with.
        """
        remove_begun_otherwise(self.layout, self.policy)
        for leftover in (*self.layout.work.glob(f"*{TEMPORARY}"), *self.layout.scratch.glob("*.ndjson")):
            leftover.unlink(missing_ok=True)
        shutil.rmtree(self.layout.scratch / SPILL, ignore_errors=True)

    @contextmanager
    def _holding(self, lock: Path, doing: str) -> Iterator[None]:
        self.layout.prepare()
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, PRIVATE_FILE_MODE)
        try:
            with naming(lock):
                self._wait_for(descriptor, doing)
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}".encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def _wait_for(self, descriptor: int, doing: str) -> None:
        deadline = time.monotonic() + self._lock_wait_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    holder = os.pread(descriptor, 32, 0).decode() or "unknown"
                    raise WarehouseBusy(
                        f"the warehouse is being {doing} by process {holder}; waited "
                        f"{self._lock_wait_seconds:g} s for it. Try again when it has ended "
                        "(or raise RECOUP_LOCK_WAIT_SECONDS)"
                    ) from None
                time.sleep(LOCK_PAUSE_SECONDS)


def _detach(con: Connection, name: str) -> None:
    """Close the database with all that it has to write; a transaction that is still open is undone."""
    roll_back(con)
    con.execute(f"use memory; detach {name}")


def open_published(layout: Layout) -> Connection:
    """Open the published copy read-only, for SQL of our own. Raises NothingPublished when there is none yet."""
    if not layout.published_file.exists():
        raise NothingPublished(
            "nothing is published yet in this warehouse directory; run `recoup-warehouse nightly` first "
            "(or set RECOUP_WAREHOUSE_DIR)"
        )
    # The snapshot's real path, so that this connection stays on one snapshot whatever is published meanwhile.
    con = duckdb.connect(str(layout.published_file.resolve()), read_only=True)
    con.execute("set timezone = 'UTC'")
    return con


def database_of(con: Connection) -> Path:
    """Return the file that a connection has open, where links led when it was opened."""
    [(path,)] = con.execute("select path from duckdb_databases() where database_name = current_database()").fetchall()
    return Path(path)


def roll_back(con: Connection) -> None:
    """Undo the transaction, if one is active, so that the connection can be used again.

    Undoing needs memory too; beside another reader there may be none at the moment.
    """
    for _ in range(ROLLBACK_TRIES - 1):
        try:
            con.execute("rollback")
        except duckdb.OutOfMemoryException:
            time.sleep(LOCK_PAUSE_SECONDS)
        except duckdb.TransactionException:
            return  # a commit that failed has ended it already
        else:
            return
    con.execute("rollback")


def insert_rows(con: Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, one mapping of column to value each, through one JSON parameter.

    Each Python parameter costs DuckDB a search for libraries that may not be there; one string is one parameter.
    """
    if not rows:
        return
    described = con.execute(f"describe {table}").fetchall()
    structure = {name: data_type for name, data_type, *_ in described if name in rows[0]}
    names = ", ".join(structure)
    con.execute(
        f"insert into {table} ({names}) select r.* from (select unnest(from_json(?::json, ?)) as r)",  # noqa: S608
        [msgspec.json.encode(rows).decode(), msgspec.json.encode([structure]).decode()],
    )
