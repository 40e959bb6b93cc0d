"""Who may write a lake: the home whose archive goes on from that of the last writer. Two would overwrite each other.

The chain itself belongs to archive/chain.py, what is written to update.py.
"""

import socket
from dataclasses import dataclass

from pipelines.archive.chain import Head
from pipelines.archive.store import Archive
from pipelines.database.connection import Connection
from pipelines.database.sql_text import literal
from pipelines.errors import LakeFailed
from pipelines.lake.connection import LAKE
from pipelines.publish.snapshots import Snapshot
from pipelines.settings import Settings


@dataclass(frozen=True, slots=True)
class Writer:
    """The home that writes now; `head` is how far its archive went when the snapshot was made."""

    archive: Archive
    head: str | None
    written_from: str
    lake: str
    takes_over: bool

    @classmethod
    def of(cls, settings: Settings, snapshot: Snapshot, *, takes_over: bool) -> "Writer":
        """Return the writer that the settings name."""
        root = settings.layout.root
        lake = f"the lake of shard {settings.shard}" if settings.shard else f"the lake at {settings.lake_catalog}"
        return cls(
            Archive(settings.layout.archive), snapshot.archive_head, f"{socket.gethostname()}:{root}", lake, takes_over
        )

    def refuse_another(self, con: Connection) -> None:
        """Raise LakeFailed when the last writer's archive is not the beginning of this one's.

        Also of a home that was copied, once both have polled. A warehouse without a chain has nothing to be known by.
        """
        row = con.execute(f"select archive_head, written_from from {LAKE}.publishing.writer").fetchone()  # noqa: S608
        if row is None or self.takes_over or self.archive.chain.read().holds(Head.of(row[0])):
            return
        raise LakeFailed(
            f"{self.lake} was last written from {row[1]}, whose archive is another than that of this home; nothing was "
            "written. Give each poller a RECOUP_SHARD of its own, and each warehouse a lake; if this home is to take "
            "that place: `recoup-warehouse lake --take-over`"
        )

    def sign(self, con: Connection) -> None:
        """Name this home as the last writer, inside the caller's transaction."""
        if self.head is not None or self.takes_over:
            con.execute(f"delete from {LAKE}.publishing.writer")  # noqa: S608 - our own name
        if self.head is not None:
            values = f"{literal(self.head)}, {literal(self.written_from)}"
            con.execute(f"insert into {LAKE}.publishing.writer values ({values})")  # noqa: S608 - our own name
