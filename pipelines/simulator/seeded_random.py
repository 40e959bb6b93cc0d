"""Random numbers and identifiers, each computed from a seed and a name, so that they can be computed again.

Nothing here knows tasks or runs. The identifiers look like those of Trigger.dev.
"""

import base64
from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

import xxhash

T = TypeVar("T")

_SHORT_ALPHABET = "123456789abcdefghijkmnopqrstuvwxyz"
_ULID_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CUID_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_BASE32HEX = "0123456789abcdefghijklmnopqrstuv"
_BASE32_TRIPLES = [a + b + c for a in _BASE32HEX for b in _BASE32HEX for c in _BASE32HEX]
_LOW_60 = (1 << 60) - 1
_RANDOM_MASK = (1 << 72) - 1
_SEED_MASK = (1 << 64) - 1
RUN_ID_LENGTH = 30


def _raw(name: str | bytes) -> bytes:
    return name.encode() if isinstance(name, str) else name


def hash_128(name: str | bytes, seed: int) -> int:
    """Return 128 evenly distributed bits for a name under a seed."""
    return xxhash.xxh3_128_intdigest(_raw(name), seed=seed & _SEED_MASK)


def hash_64(name: str | bytes, seed: int) -> int:
    """Return 64 evenly distributed bits for a name under a seed; they may be the seed of further names."""
    return xxhash.xxh3_64_intdigest(_raw(name), seed=seed & _SEED_MASK)


class Dice:
    """A sequence of random choices for building fleets; the same seed and name give the same sequence."""

    def __init__(self, seed: int, name: str) -> None:
        self._seed = hash_64(name, seed)
        self._count = 0

    def bits(self) -> int:
        """Return the next 128 bits."""
        self._count += 1
        return hash_128(self._count.to_bytes(8, "big"), self._seed)

    def below(self, limit: int) -> int:
        """Return an integer from 0 to limit - 1."""
        return self.bits() % limit

    def between(self, low: int, high: int) -> int:
        """Return an integer from low to high, both included."""
        return low + self.below(high - low + 1)

    def chance(self, ratio: float) -> bool:
        """Return True with the given probability."""
        return self.below(1_000_000) < ratio * 1_000_000

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of the choices."""
        return choices[self.below(len(choices))]


def _digits(value: int, alphabet: str, length: int) -> str:
    out = []
    for _ in range(length):
        value, digit = divmod(value, len(alphabet))
        out.append(alphabet[digit])
    return "".join(out)


def uuid(seed: int, name: str) -> str:
    """Return a version 4 UUID."""
    return str(UUID(int=hash_128(name, seed), version=4))


def cuid(seed: int, name: str) -> str:
    """Return an id of the older kind, as environments carry."""
    return "c" + _digits(hash_128(name, seed), _CUID_ALPHABET, 24)


def schedule_id(seed: int, name: str) -> str:
    """Return an id like `sched_19ac19p8bq49qv2zt9xyd`."""
    return "sched_" + _digits(hash_128(name, seed), _SHORT_ALPHABET, 21)


def attempt_id(seed: int, name: str) -> str:
    """Return an id like `attempt_1t1dzanpyzuiuc93k3ywj`."""
    return "attempt_" + _digits(hash_128(name, seed), _SHORT_ALPHABET, 21)


def batch_id(seed: int, name: str) -> str:
    """Return an id like `batch_1t1dzanpyzuiuc93k3ywj`."""
    return "batch_" + _digits(hash_128(name, seed), _SHORT_ALPHABET, 21)


def workflow_id(seed: int, name: str) -> str:
    """Return an id like `wrun_01M0ZT7BAWAHGE013FFEM3FMDZ`."""
    return "wrun_01" + _digits(hash_128(name, seed), _ULID_ALPHABET, 24)


def run_id(inserted_ms: int, random_bits: int) -> str:
    """Return an id like `run_06g1iftjl873t3h2ovvb0vb901`: insert time, random bytes, region, version."""
    value = (inserted_ms << 72) | (random_bits & _RANDOM_MASK)
    # Three digits at a time from a table: base64.b32hexencode takes most of the time of making a run.
    t = _BASE32_TRIPLES
    high, low = value >> 60, value & _LOW_60
    first = t[high >> 45] + t[high >> 30 & 32767] + t[high >> 15 & 32767] + t[high & 32767]
    second = t[low >> 45] + t[low >> 30 & 32767] + t[low >> 15 & 32767] + t[low & 32767]
    return f"run_{first}{second}01"


def run_id_time(identifier: str) -> int | None:
    """Return the insert time (ms) a run id carries, or None for any other text."""
    if not identifier.startswith("run_") or len(identifier) != RUN_ID_LENGTH:
        return None
    try:
        return int.from_bytes(base64.b32hexdecode(identifier[4:28].upper())[:6], "big")
    except ValueError:
        return None
