"""Response bodies as the ledgers name them: in packs, or, of older polls, in a file each. Read, checked and copied.

The hash that names a body is a fast one, which finds accidents; the SHA-256 of what is packed, which each ledger repeats,
also finds what somebody made to look alike. Writing bodies belongs to pack_writer.py.
"""

import hashlib
from pathlib import Path

import xxhash
import zstandard

from pipelines.archive.packs import Packs
from pipelines.archive.poll_record import Stored, bytes_of, damaged
from pipelines.atomic_write import write_whole
from pipelines.paths import PRIVATE_DIR_MODE

# A frame that each reader of zstd skips, with the SHA-256 of what stands before it.
_SKIPPABLE = (0x184D2A50).to_bytes(4, "little") + (32).to_bytes(4, "little")
_TRAILER = len(_SKIPPABLE) + 32


class Bodies:
    """The folders `packs/` and, of older polls, `bodies/<aa>/<hash>.zst`."""

    def __init__(self, root: Path) -> None:
        self.packs = Packs(root)
        self._root = root / "bodies"
        # Bodies on their way; what a kill leaves here goes when the next poll begins.
        self._incoming = root / "incoming"

    def clean(self) -> None:
        """Remove bodies that were never written whole. Only for who knows that nobody else is writing any."""
        for leftover in self._incoming.glob("*"):
            leftover.unlink()

    def copy(self, stored: Stored, source: "Bodies") -> None:
        """Take over a body from another archive as it is packed there, and read it back."""
        if stored.place:
            self.packs.copy(stored, stored.place, source.packs)
            return
        source.check(stored)
        if stored.body_hash and not self.path(stored).exists():
            self._put(self.path(stored), source.path(stored).read_bytes())
        self.check(stored)

    def read(self, stored: Stored) -> bytes:
        """Return a body, byte for byte as received. Raises ArchiveDamaged, naming the file, when it is not."""
        if stored.place:
            return self.packs.read(stored, stored.place)
        if not stored.body_hash:
            return b""
        path = self.path(stored)
        return _unpacked(path, bytes_of(path), stored)

    def check(self, stored: Stored) -> None:
        """Raise ArchiveDamaged, naming the file, unless the body and its packing are what the ledger tells."""
        if stored.place:
            self.packs.check(stored, stored.place)
            return
        if not stored.body_hash:
            return
        path = self.path(stored)
        content = bytes_of(path)
        if stored.packed_hash and not _is_sealed(content, stored.packed_hash):
            raise damaged(path, "its bytes are not those that its ledger tells")
        _unpacked(path, content, stored)

    def path(self, stored: Stored) -> Path:
        """Name the file that holds a body."""
        if stored.place:
            return self.packs.path(stored.place.pack)
        return self._root / stored.body_hash[:2] / f"{stored.body_hash}.zst"

    def _put(self, path: Path, content: bytes) -> None:
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
