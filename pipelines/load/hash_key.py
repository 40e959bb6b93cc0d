"""Privacy between archive and core: the key of the hashes, and which private columns stay in clear.

Where it is applied is sql/flatten; what quarantine may show is recoup/redaction.py.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from pipelines.atomic_write import write_whole
from pipelines.errors import BadSettings
from pipelines.settings import Settings

HMAC_BLOCK = 64
KEY_BYTES = 32
_KEY = re.compile(rb"[0-9a-f]{%d}" % (2 * KEY_BYTES))


@dataclass(frozen=True, slots=True)
class Privacy:
    """The hash key of a warehouse, and the names of the private columns that are kept in clear."""

    key: bytes
    kept_columns: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> "Privacy":
        """Return what the settings say; a random key is made on first use."""
        key = hash_key(settings.privacy_key, settings.layout.privacy_key_file)
        return cls(key, tuple(sorted(column.value for column in settings.privacy_keep)))

    def hmac_pads(self) -> tuple[bytes, bytes]:
        """Return the inner and outer pad of HMAC-SHA256, so that SQL can hash columns with the key."""
        block = hashlib.sha256(self.key).digest() if len(self.key) > HMAC_BLOCK else self.key
        block = block.ljust(HMAC_BLOCK, b"\0")
        return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)

    def change_seed(self) -> int:
        """Return a 64-bit seed for the hashes that notice change, so that they tell nothing without the key."""
        return int.from_bytes(hashlib.sha256(b"change" + self.key).digest()[:8], "big")


def hash_key(configured: SecretStr | None, key_file: Path) -> bytes:
    """Return RECOUP_PRIVACY_KEY, or this warehouse's own random key, made on first use by who holds the writer's lock.

    Raises BadSettings when the file holds something else: hashes by a short or empty key could be guessed.
    """
    if configured is not None:
        return configured.get_secret_value().encode()
    if not key_file.exists():
        # Whole or not at all: what a full disk or a kill left of it would be a key that everybody can guess.
        write_whole(key_file, secrets.token_hex(KEY_BYTES).encode(), is_synced=True)
    key = key_file.read_bytes()
    if not _KEY.fullmatch(key):
        raise BadSettings(
            f"{key_file} holds no key; put it back from a backup, or remove it and run `recoup-warehouse rebuild`, "
            "which makes a new one: all hashes are others then"
        )
    return key
