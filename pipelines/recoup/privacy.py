"""What may leave the archive: the hash key, its pads for SQL, and the redaction of quarantined JSON.

The per-column policy itself is applied by sql/flatten; no table is known here.
"""

import hashlib
import os
import secrets
from pathlib import Path
from typing import Any

import msgspec
from pydantic import SecretStr

from pipelines.layout import PRIVATE_FILE_MODE

HMAC_BLOCK = 64
SAFE_TEXT = frozenset(
    [
        "id",
        "status",
        "taskIdentifier",
        "createdAt",
        "updatedAt",
        "startedAt",
        "finishedAt",
        "delayedUntil",
        "expiredAt",
        "completedAt",
        "version",
        "account_id",
        "artist_account_id",
        "trigger_schedule_id",
        "schedule",
        "timezone",
        "taskKind",
        "region",
        "triggerFunction",
        "batchId",
        "created_at",
        "updated_at",
        "model",
        "ttl",
    ]
)
OPAQUE = frozenset(["payload", "output", "metadata", "error", "relatedRuns"])
SAFE_LENGTH = 128


def hash_key(configured: SecretStr | None, key_file: Path) -> bytes:
    """Return RECOUP_PRIVACY_KEY, or this warehouse's own random key, made on first use."""
    if configured is not None:
        return configured.get_secret_value().encode()
    try:
        descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE_MODE)
    except FileExistsError:
        return key_file.read_bytes()
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_hex(32).encode())
    return key_file.read_bytes()


def hmac_pads(key: bytes) -> tuple[bytes, bytes]:
    """Return the inner and outer pad of HMAC-SHA256, so that SQL can hash columns with the key."""
    block = (hashlib.sha256(key).digest() if len(key) > HMAC_BLOCK else key).ljust(HMAC_BLOCK, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)


def hash_seed(key: bytes) -> int:
    """Return a 64-bit seed for the hashes that notice change, so that they tell nothing without the key."""
    return int.from_bytes(hashlib.sha256(b"change" + key).digest()[:8], "big")


def redact(raw: bytes) -> str:
    """Return JSON of the same shape in which only harmless values remain readable."""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.json.encode(f"<{len(raw)} bytes that are not JSON>").decode()
    return msgspec.json.encode(_redacted(value, None)).decode()


def _redacted(value: Any, key: str | None) -> Any:
    if key in OPAQUE and value is not None:
        return f"<{type(value).__name__}>"
    if isinstance(value, dict):
        return {name[:SAFE_LENGTH]: _redacted(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_redacted(inner, key) for inner in value]
    if isinstance(value, str) and not (key in SAFE_TEXT and len(value) <= SAFE_LENGTH and "@" not in value):
        return f"<text of {len(value)}>"
    return value
