"""Who may write a lake: the home whose chain goes on from that of the last writer. Two would overwrite each other.

The chain is the archive's, or that of gatherings in a warehouse that has no archive (archive/chain.py). What is written
belongs to update.py.
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import msgspec

from pipelines.archive.chain import Chain, Head
from pipelines.archive.store import Archive
from pipelines.atomic_write import write_whole
from pipelines.database.connection import Connection
from pipelines.database.sql_text import literal
from pipelines.errors import LakeFailed
from pipelines.lake.connection import LAKE
from pipelines.publish.snapshots import Snapshot
from pipelines.settings import Settings


@dataclass(frozen=True, slots=True)
class Writer:
    """The home that writes now; `head` is how far its chain went when the snapshot was made."""

    chain: Chain
    told: str
    head: Head | None
    written_from: str
    lake: str
    takes_over: bool

    @classmethod
    def of(cls, settings: Settings, snapshot: Snapshot, *, takes_over: bool) -> "Writer":
        """Return the writer that the settings name."""
        layout = settings.layout
        lake = f"the lake of shard {settings.shard}" if settings.shard else f"the lake at {settings.lake_catalog}"
        place = f"{socket.gethostname()}:{layout.root}"
        if settings.shards:
            chain, told = Chain(layout.gatherings), "gatherings are others than those"
            head = chain.head()
        else:
            chain, told, head = Archive(layout.archive).chain, "archive is another than that", snapshot.archive_head
        return cls(chain, told, head, place, lake, takes_over)

    def refuse_another(self, con: Connection) -> None:
        """Raise LakeFailed when the last writer's chain is not the beginning of this one's.

        Also of a home that was copied, once both have polled. A home without a chain has nothing to be known by.
        """
        row = con.execute(f"select archive_head, written_from from {LAKE}.publishing.writer").fetchone()  # noqa: S608
        if row is None or self.takes_over or self.chain.read().holds(Head.of(row[0])):
            return
        raise LakeFailed(
            f"{self.lake} was last written from {row[1]}, whose {self.told} of this home; nothing was "
            "written. Give each poller a RECOUP_SHARD of its own, and each warehouse a lake; if this home is to take "
            "that place: `recoup-warehouse lake --take-over`"
        )

    def sign(self, con: Connection) -> None:
        """Name this home as the last writer, inside the caller's transaction; of two at the same time one gets through."""
        if self.head is not None or self.takes_over:
            con.execute(f"delete from {LAKE}.publishing.writer")  # noqa: S608 - our own name
        if self.head is not None:
            values = f"{literal(str(self.head))}, {literal(self.written_from)}"
            con.execute(f"insert into {LAKE}.publishing.writer values ({values})")  # noqa: S608 - our own name
        # Rows of two writers would both stay; a table that two have altered stops the second one's commit.
        con.execute(f"comment on table {LAKE}.publishing.writer is {literal(self.written_from)}")


def note_gathering(settings: Settings, at: datetime, shards: Sequence[str]) -> None:
    """Add a gathering to the chain, before core holds what was read."""
    told = {"gathered_at": at, "shards": shards, "gathering_id": uuid4().hex}  # no other home has written the same
    write_whole(settings.layout.gathered_file, msgspec.json.encode(told))
    Chain(settings.layout.gatherings).seal([settings.layout.gathered_file])
