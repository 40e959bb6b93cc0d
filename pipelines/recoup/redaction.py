"""What may leave the archive: the hash key, its pads for SQL, and the redaction of quarantined JSON.

The per-column policy itself is applied by sql/flatten; no table is known here.
"""

import hashlib
import os
import re
import secrets
from pathlib import Path
from typing import Any

import msgspec
from pydantic import SecretStr

from pipelines.paths import PRIVATE_FILE_MODE

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
SAFE_NUMBERS = frozenset(["costInCents", "baseCostInCents", "durationMs", "depth", "attemptCount"])
# Only what the contract knows is looked into: what an unknown object holds, nobody can vouch for.
OPENED = frozenset(["recent_runs", "attempts", "env", "schedule", "generator", "tags", "upcoming"])
# One word, or a cron expression: prose, addresses and long texts are none.
_HARMLESS = re.compile(r"[\w.:+/-]{1,64}|[\d*,/#?LW-]+( [\w*,/#?-]+){4,5}")


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
    is_object = isinstance(value, dict)
    return msgspec.json.encode(_members(value) if is_object else _redacted(value, "")).decode()


def is_harmless(text: str) -> bool:
    """Tell whether a text is a plain word, as identifiers, instants and names of keys are."""
    return _HARMLESS.fullmatch(text) is not None


def harmless_name(name: str) -> str:
    """Return the name of a key, which may be a private text where an object is keyed by such."""
    return name if is_harmless(name) else f"<name of {len(name)}>"


def _members(value: dict[str, Any]) -> dict[str, Any]:
    return {harmless_name(name): _redacted(inner, name) for name, inner in value.items()}


def _redacted(value: Any, key: str) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value if key in SAFE_TEXT and is_harmless(value) else f"<text of {len(value)}>"
    if isinstance(value, dict) and key in OPENED:
        return _members(value)
    if isinstance(value, list) and key in OPENED:
        return [_members(inner) if isinstance(inner, dict) else _redacted(inner, key) for inner in value]
    is_known = isinstance(value, int | float) and key in SAFE_NUMBERS
    return value if is_known else f"<{type(value).__name__}>"
