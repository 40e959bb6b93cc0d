"""Files of response bodies: named by a hash of the body, packed, and ending in the SHA-256 of what is packed.

Which poll was told which body belongs to the ledgers. The name is a fast hash, which finds accidents; the SHA-256, which
each ledger repeats, also finds what somebody made to look alike.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import xxhash
import zstandard

from pipelines.archive.poll_record import Stored, bytes_of, damaged
from pipelines.atomic_write import write_whole
from pipelines.paths import PRIVATE_DIR_MODE

# A frame that each reader of zstd skips: so the hash is at hand when a body comes again, and nothing is read but it.
_SKIPPABLE = (0x184D2A50).to_bytes(4, "little") + (32).to_bytes(4, "little")
_TRAILER = len(_SKIPPABLE) + 32


@dataclass(frozen=True, slots=True)
class Kept:
    """A body that is in the archive: the name of its file, and the SHA-256 of what is packed there."""

    name: str = ""
    packed_hash: str = ""


class Bodies:
    """The folder `bodies/<aa>/<hash>.zst`."""

    def __init__(self, root: Path) -> None:
        self._root = root / "bodies"
        # Bodies on their way; what a kill leaves here goes when the next poll begins.
        self._incoming = root / "incoming"

    def clean(self) -> None:
        """Remove bodies that were never written whole. Only for who knows that nobody else is writing any."""
        for leftover in self._incoming.glob("*"):
            leftover.unlink()

    def keep(self, body: bytes) -> Kept:
        """Store a body once; written whole or not at all. An empty body has no file."""
        if not body:
            return Kept()
        name = xxhash.xxh3_128_hexdigest(body)
        try:
            return Kept(name, _packed_hash(self.path(name)))
        except FileNotFoundError:
            packed = zstandard.ZstdCompressor(level=1, write_checksum=True).compress(body)
            digest = hashlib.sha256(packed)
            self._put(name, packed + _SKIPPABLE + digest.digest())
            return Kept(name, digest.hexdigest())

    def copy(self, stored: Stored, source: "Bodies") -> None:
        """Take over a body from another archive as it is packed there, and read it back."""
        source.check(stored)
        if stored.body_hash and not self.path(stored.body_hash).exists():
            self._put(stored.body_hash, source.path(stored.body_hash).read_bytes())
        self.check(stored)

    def read(self, stored: Stored) -> bytes:
        """Return a body, byte for byte as received. Raises ArchiveDamaged, naming the file, when it is not."""
        if not stored.body_hash:
            return b""
        path = self.path(stored.body_hash)
        return _unpacked(path, bytes_of(path), stored)

    def check(self, stored: Stored) -> None:
        """Raise ArchiveDamaged, naming the file, unless the body and its packing are what the ledger tells."""
        if not stored.body_hash:
            return
        path = self.path(stored.body_hash)
        content = bytes_of(path)
        if stored.packed_hash and not _is_sealed(content, stored.packed_hash):
            raise damaged(path, "its bytes are not those that its ledger tells")
        _unpacked(path, content, stored)

    def path(self, name: str) -> Path:
        """Name the file of a body."""
        return self._root / name[:2] / f"{name}.zst"

    def _put(self, name: str, content: bytes) -> None:
        path = self.path(name)
        for folder in (self._root.parent, self._root, path.parent, self._incoming):
            folder.mkdir(mode=PRIVATE_DIR_MODE, parents=True, exist_ok=True)
        write_whole(path, content, is_synced=True, beside=self._incoming)


def _unpacked(path: Path, packed: bytes, stored: Stored) -> bytes:
    try:
        # A size that was altered would be asked of the memory.
        if zstandard.get_frame_parameters(packed).content_size != stored.size:
            raise damaged(path, "its bytes were changed")
        body = zstandard.ZstdDecompressor().decompress(packed)
    except zstandard.ZstdError as error:
        raise damaged(path, "its bytes were changed") from error
    if xxhash.xxh3_128_hexdigest(body) != stored.body_hash:
        raise damaged(path, "it holds another body")
    return body


def _is_sealed(content: bytes, packed_hash: str) -> bool:
    """Tell whether what is packed has that hash, and the file says so of itself, where it says anything."""
    if content[-_TRAILER:].startswith(_SKIPPABLE):
        return hashlib.sha256(content[:-_TRAILER]).hexdigest() == content[-32:].hex() == packed_hash
    return hashlib.sha256(content).hexdigest() == packed_hash


def _packed_hash(path: Path) -> str:
    """Read what a file says of itself; a file of before, which says nothing, is read whole."""
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _TRAILER))
        trailer = file.read()
        if trailer.startswith(_SKIPPABLE) and len(trailer) == _TRAILER:
            return trailer[len(_SKIPPABLE) :].hex()
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()
