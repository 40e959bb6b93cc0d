"""Which tasks a response body holds, by their hashes, so that a body that comes again need not be read and split again.

A cache beside the work file, of the last poll's bodies: without it a load takes longer and gives the same rows.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import xxhash

from pipelines.atomic_write import write_whole

_FILE = msgspec.msgpack.Decoder(dict[str, bytes])
_DIGITS = 32  # of a 128-bit hash


class BodyIndex:
    """Task hashes of bodies, by body. Both are keyed: under another key nothing is found. Used by several threads."""

    def __init__(self, path: Path, seed: int) -> None:
        self._path = path
        self._seed = seed
        self._before = _read(path)
        self._now: dict[str, bytes] = {}

    def get(self, body_hash: str) -> list[str]:
        """Return the hashes of a body's tasks, in order; none when the last poll did not have this body."""
        name = self._name(body_hash)
        packed = self._before.get(name)
        if packed is None:
            return []
        self._now[name] = packed
        digits = packed.hex()
        return [digits[start : start + _DIGITS] for start in range(0, len(digits), _DIGITS)]

    def put(self, body_hash: str, hashes: Sequence[str]) -> None:
        """Remember a body that was split."""
        self._now[self._name(body_hash)] = bytes.fromhex("".join(hashes))

    def save(self) -> None:
        """Keep this poll's bodies for the next one; a poll of runs alone leaves the file as it is."""
        if self._now and self._now != self._before:
            write_whole(self._path, msgspec.msgpack.encode(self._now))

    def _name(self, body_hash: str) -> str:
        return xxhash.xxh3_128_hexdigest(body_hash.encode(), seed=self._seed)


def _read(path: Path) -> dict[str, bytes]:
    try:
        return _FILE.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}
