"""Dagster's event log in SQLite with its files kept open; named in the dagster.yaml that this product writes.

What is written into it is Dagster's. Dagster opens, checks and closes a file for each event: a night has some 300 of them,
which cost more than its work did. It overrides a private method, so Dagster is pinned to what this was tested with.
"""

import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as db
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import StaticPool

from pipelines.orchestrate.dagster_home import set_home

# A run has a file of its own, beside the common one. A webserver reads many runs, and needs few of them again.
MOST_OPEN = 8


class OpenEventLog(SqliteEventLogStorage):
    """The event log of Dagster's default storage, for the same files, in the same form."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._opened: OrderedDict[str, _Opened] = OrderedDict()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> "OpenEventLog":
        """Take a folder relative to DAGSTER_HOME, so that a warehouse can be moved."""
        return cls(str(Path(set_home() or "", config_value["base_dir"])), inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[db.Connection]:
        with self._db_lock, self._engine(shard).connect() as connection, connection.begin():
            yield connection

    def dispose(self) -> None:
        """Close all files."""
        super().dispose()
        with self._db_lock:
            for opened in self._opened.values():
                opened.close()
            self._opened.clear()

    def _engine(self, shard: str) -> db.Engine:
        """Return the open file of a shard; opened again when it was deleted, or in a process that was forked."""
        opened = self._opened.get(shard)
        if opened is None or opened.is_stale():
            if opened:
                opened.close()
                self._initialized_dbs.discard(shard)
            opened = self._opened[shard] = self._open(shard)
        self._opened.move_to_end(shard)
        while len(self._opened) > MOST_OPEN:
            self._opened.popitem(last=False)[1].close()
        return opened.engine

    def _open(self, shard: str) -> "_Opened":
        engine = db.create_engine(
            self.conn_string_for_shard(shard),
            poolclass=StaticPool,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        # Under a write-ahead log this loses nothing to a kill, and to a power failure at most the last events.
        db.event.listen(engine, "connect", lambda connection, _: connection.execute("pragma synchronous = normal"))
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        return _Opened(engine, Path(self.path_for_shard(shard)))


class _Opened:
    """An engine, and which file it has open."""

    def __init__(self, engine: db.Engine, path: Path) -> None:
        self.engine = engine
        self._path = path
        self._pid = os.getpid()
        self._inode = path.stat().st_ino

    def is_stale(self) -> bool:
        """Tell whether the file is another one by now, or another process opened it."""
        try:
            return self._pid != os.getpid() or self._path.stat().st_ino != self._inode
        except FileNotFoundError:
            return True

    def close(self) -> None:
        """Close the file; one that was inherited is left to the process that opened it."""
        self.engine.dispose(close=self._pid == os.getpid())
