"""How a pack is written: entries one after another, each with the new bytes of some bodies and a recipe for each body.

An entry: sizes, a packed table, packed bytes, and the SHA-256 of all of that. One that has sources is packed against the
bytes of the first of them, which is the first entry of its pack: little that is new packs badly alone. Which bytes are
new belongs to pack_writer.py, where packs lie to packs.py.
"""

import hashlib
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import zstandard

_HEAD = struct.Struct("<4sIIQQ")
_MAGIC = b"RWP1"
HEAD_BYTES = _HEAD.size
HASH_BYTES = hashlib.sha256().digest_size
# Of the SHA-256 of an older entry, what a recipe repeats: all of it stands in the ledger of the poll that wrote it, unless
# that was killed before it could say so.
DIGEST_BYTES = 8
# Of XXH3, 64 bit: it only finds a chunk, whose bytes are then compared.
CHUNK_HASH_BYTES = 8
_DICTIONARY_BYTES = 1 << 16


class BadEntry(Exception):
    """These bytes are no entry."""


class Source(msgspec.Struct, frozen=True, array_like=True):
    """An older entry of the same pack: where it stands, and the beginning of its SHA-256."""

    offset: int
    length: int
    digest: bytes


class Recipe(msgspec.Struct, frozen=True, array_like=True):
    """A body: its hash and its pieces in order (number of the source, 0 for the entry itself; start; length)."""

    body_hash: bytes
    pieces: list[tuple[int, int, int]]


class Table(msgspec.Struct, frozen=True, array_like=True):
    """What an entry holds: who wrote it, the chunks of its bytes (sizes; hashes), the sources and the recipes."""

    poll_id: str
    chunk_sizes: list[int]
    chunk_hashes: bytes
    sources: list[Source]
    recipes: list[Recipe]


@dataclass(frozen=True, slots=True)
class Head:
    """The sizes of an entry's parts, packed and not."""

    table_packed: int
    table_size: int
    data_packed: int
    data_size: int

    @property
    def length(self) -> int:
        """How long the whole entry is."""
        return HEAD_BYTES + self.table_packed + self.data_packed + HASH_BYTES

    @classmethod
    def of(cls, content: bytes) -> "Head":
        """Read the sizes. Raises BadEntry."""
        try:
            magic, *sizes = _HEAD.unpack_from(content)
        except struct.error as error:
            raise BadEntry from error
        if magic != _MAGIC:
            raise BadEntry
        table_packed, table_size, data_packed, data_size = sizes
        return cls(table_packed, table_size, data_packed, data_size)


_TABLE = msgspec.msgpack.Decoder(Table)


def write_entry(table: Table, data: bytes, first: bytes) -> bytes:
    """Return an entry, its SHA-256 at its end; `first` are the bytes of its first source, nothing where it has none."""
    raw = msgspec.msgpack.encode(table)
    packed = [_packed(raw, b""), _packed(data, first)]
    head = _HEAD.pack(_MAGIC, len(packed[0]), len(raw), len(packed[1]), len(data))
    content = b"".join((head, *packed))
    return content + hashlib.sha256(content).digest()


def read_table(head: Head, packed: bytes) -> Table:
    """Read the table of an entry. Raises BadEntry."""
    try:
        table = _TABLE.decode(_unpacked(packed, head.table_size, b""))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadEntry from error
    if sum(table.chunk_sizes) != head.data_size or len(table.chunk_hashes) != CHUNK_HASH_BYTES * len(table.chunk_sizes):
        raise BadEntry
    return table


def read_entry(content: bytes, first_of: Callable[[Source], bytes]) -> tuple[Table, bytes]:
    """Read an entry and unpack its bytes; `first_of` brings those of its first source. Raises BadEntry."""
    head = Head.of(content)
    if head.length != len(content):
        raise BadEntry
    data_at = HEAD_BYTES + head.table_packed
    table = read_table(head, content[HEAD_BYTES:data_at])
    first = first_of(table.sources[0]) if table.sources else b""
    return table, _unpacked(content[data_at : data_at + head.data_packed], head.data_size, first)


def is_sealed(content: bytes, digest: bytes) -> bool:
    """Tell whether an entry has a SHA-256 that begins so, and says so of itself."""
    found = hashlib.sha256(content[:-HASH_BYTES]).digest()
    return found == content[-HASH_BYTES:] and found.startswith(digest)


def put_together(pieces: Sequence[tuple[int, int, int]], datas: Sequence[bytes]) -> bytes:
    """Return a body from its pieces; `datas` are the entry's own bytes, then those of its sources."""
    return b"".join([datas[source][start : start + length] for source, start, length in pieces])


def _packed(content: bytes, first: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1, dict_data=_dictionary(first), write_checksum=True).compress(content)


def _unpacked(packed: bytes, size: int, first: bytes) -> bytes:
    try:
        # A size that was altered would be asked of the memory.
        if zstandard.get_frame_parameters(packed).content_size != size:
            raise BadEntry
        return zstandard.ZstdDecompressor(dict_data=_dictionary(first)).decompress(packed)
    except zstandard.ZstdError as error:
        raise BadEntry from error


def _dictionary(first: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(first[:_DICTIONARY_BYTES], dict_type=zstandard.DICT_TYPE_RAWCONTENT)
