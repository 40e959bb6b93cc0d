"""Privacy between archive and core: the key of the hashes, and which private columns stay in clear.

The key never changes in silence: what was hashed by another one would no longer join. Where it is applied is sql/flatten;
what quarantine may show is recoup/redaction.py.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from pipelines.archive.store import Archive
from pipelines.atomic_write import write_whole
from pipelines.database.connection import Connection, Warehouse
from pipelines.errors import BadSettings
from pipelines.paths import Layout
from pipelines.settings import Settings

HMAC_BLOCK = 64
KEY_BYTES = 32
KEY_ID_DIGITS = 16
ANEW = (
    "`recoup-warehouse rebuild --new-privacy-key` hashes everything by the key of today; hashes then no longer compare "
    "with what was exported before"
)
_KEY = re.compile(rb"[0-9a-f]{%d}" % (2 * KEY_BYTES))


@dataclass(frozen=True, slots=True)
class Privacy:
    """The hash key of a warehouse, and the names of the private columns that are kept in clear."""

    key: bytes
    kept_columns: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings, *, accepts_new_key: bool = False) -> "Privacy":
        """Return what the settings say; a new warehouse gets a random key. The caller holds the writer's lock.

        Raises BadSettings when the key of a warehouse that has polls is gone, without `accepts_new_key`; and when its file
        holds something else, since hashes by a short or empty key could be guessed.
        """
        if accepts_new_key or is_new(settings.layout):
            _make_key(settings)
        return cls(_key(settings), tuple(sorted(column.value for column in settings.privacy_keep)))

    def key_id(self) -> str:
        """Name the key without telling it: hashes compare between databases whose keys have the same name."""
        return hmac.digest(self.key, b"id of the key", "sha256").hex()[:KEY_ID_DIGITS]

    def refuse_other_key(self, con: Connection) -> None:
        """Raise BadSettings when what is loaded in a database was hashed by another key."""
        query = "select count(*) from core.polls where hash_key_id <> ?"
        if con.execute(query, [self.key_id()]).fetchone() != (0,):
            raise BadSettings(
                "the tables were hashed by another key than that of today (RECOUP_PRIVACY_KEY, or work/privacy.key); "
                f"put the old one back, from a backup if need be, or give it up: {ANEW}"
            )

    def hmac_pads(self) -> tuple[bytes, bytes]:
        """Return the inner and outer pad of HMAC-SHA256, so that SQL can hash columns with the key."""
        block = hashlib.sha256(self.key).digest() if len(self.key) > HMAC_BLOCK else self.key
        block = block.ljust(HMAC_BLOCK, b"\0")
        return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)

    def change_seed(self) -> int:
        """Return a 64-bit seed for the hashes that notice change, so that they tell nothing without the key."""
        return int.from_bytes(hashlib.sha256(b"change" + self.key).digest()[:8], "big")


def prepare_key(warehouse: Warehouse, settings: Settings) -> None:
    """Make the key of a new warehouse before its first answer is archived, so that a missing one is a lost one later."""
    if is_new(settings.layout):
        with warehouse.locked():
            _make_key(settings)


def is_new(layout: Layout) -> bool:
    """Tell whether a warehouse has no poll yet, so that nothing can have been hashed."""
    archive = Archive(layout.archive)
    return not layout.privacy_key_file.exists() and not archive.poll_ids() and not archive.aside_ids()


def _make_key(settings: Settings) -> None:
    key_file = settings.layout.privacy_key_file
    if settings.privacy_key is None and not key_file.exists():
        # Whole or not at all: what a full disk or a kill left of it would be a key that everybody can guess.
        write_whole(key_file, secrets.token_hex(KEY_BYTES).encode(), is_synced=True)


def _key(settings: Settings) -> bytes:
    if settings.privacy_key is not None:
        return settings.privacy_key.get_secret_value().encode()
    key_file = settings.layout.privacy_key_file
    if not key_file.exists():
        raise BadSettings(
            f"{key_file} is gone, by which this warehouse hashes; put it back from a backup (or set RECOUP_PRIVACY_KEY "
            f"again, if that was the key), or give it up: {ANEW}"
        )
    key = key_file.read_bytes()
    if not _KEY.fullmatch(key):
        raise BadSettings(f"{key_file} holds no key; put it back from a backup, or remove it: {ANEW}")
    return key
