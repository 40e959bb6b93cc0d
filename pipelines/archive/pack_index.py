"""What the newest pack holds, read from its tables, so that nothing of it is written twice.

Writing belongs to pack_writer.py, bodies to packs.py.
"""

from dataclasses import dataclass, field

from pipelines.archive.pack_format import (
    CHUNK_HASH_BYTES,
    DIGEST_BYTES,
    HASH_BYTES,
    HEAD_BYTES,
    BadEntry,
    Head,
    Source,
    Table,
    read_table,
)
from pipelines.archive.packs import Packs
from pipelines.archive.poll_record import Place
from pipelines.errors import ArchiveDamaged


@dataclass(frozen=True, slots=True)
class Kept:
    """A body that is in the archive: its hash, where it stands, and the SHA-256 of the entry that holds it."""

    body_hash: str = ""
    place: Place | None = None
    packed_hash: str = ""


@dataclass(slots=True)
class Known:
    """What the newest pack holds: its entries (number 0 is none of them), chunks by their hashes, bodies by theirs."""

    name: str
    sources: list[Source] = field(default_factory=lambda: [Source(0, 0, b"")])
    chunks: dict[bytes, tuple[int, int, int]] = field(default_factory=dict)
    bodies: dict[bytes, Kept] = field(default_factory=dict)
    poll_ids: set[str] = field(default_factory=set)
    # The bytes of the first entry, once they were found sound: each entry is packed against them.
    first: bytes = b""

    @property
    def end(self) -> int:
        """Where the next entry would begin."""
        return self.sources[-1].offset + self.sources[-1].length

    def add(self, offset: int, length: int, table: Table, seal: bytes) -> None:
        """Take in an entry; a chunk or a body that is there twice is found where it was first."""
        number, start = len(self.sources), 0
        self.sources.append(Source(offset, length, seal[:DIGEST_BYTES]))
        self.poll_ids.add(table.poll_id)
        for each, size in enumerate(table.chunk_sizes):
            name = table.chunk_hashes[each * CHUNK_HASH_BYTES : (each + 1) * CHUNK_HASH_BYTES]
            self.chunks.setdefault(name, (number, start, size))
            start += size
        for index, recipe in enumerate(table.recipes):
            kept = Kept(recipe.body_hash.hex(), Place(self.name, offset, length, index), seal.hex())
            self.bodies.setdefault(recipe.body_hash, kept)


def read_known(packs: Packs, name: str) -> Known | None:
    """Read the tables of a pack; None of one that is not whole up to its end, as a kill may leave it."""
    known, path, offset = Known(name), packs.path(name), 0
    try:
        size = path.stat().st_size
        while offset < size:
            head = Head.of(packs.bytes_of(path, offset, HEAD_BYTES))
            table = read_table(head, packs.bytes_of(path, offset + HEAD_BYTES, head.table_packed))
            seal = packs.bytes_of(path, offset + head.length - HASH_BYTES, HASH_BYTES)
            known.add(offset, head.length, table, seal)
            offset += head.length
    except (ArchiveDamaged, BadEntry, OSError):
        return None
    return known


def begins_sound(known: Known, packs: Packs) -> bool:
    """Tell whether the first entry is sound, against which all others are packed."""
    try:
        for first in known.sources[1:2]:
            packs.check_entry(packs.path(known.name), first)
    except ArchiveDamaged:
        return False
    return True
