"""What quarantine may show of refused JSON: its shape, and values that are harmless. No table is known here.

The hashes of private columns belong to load/hash_key.py and sql/flatten.
"""

import re
from typing import Any

import msgspec

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


def redact(raw: bytes, key: str = "") -> str:
    """Return JSON of the same shape in which only harmless values remain readable; `key` names a lone member."""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.json.encode(f"<{len(raw)} bytes that are not JSON>").decode()
    except RecursionError:
        return msgspec.json.encode(f"<{len(raw)} bytes, nested too deeply>").decode()
    is_object = isinstance(value, dict) and not key
    return msgspec.json.encode(_members(value) if is_object else _redacted(value, key)).decode()


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
