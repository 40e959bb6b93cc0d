"""What each internal state of a run is called by the two endpoints of the API, and what it means.

Written from the tables of Trigger.dev and not from the product's own, so that tests can compare the two.
"""

from typing import NamedTuple

HELPERS = ("isQueued", "isExecuting", "isWaiting", "isCompleted", "isSuccess", "isFailed", "isCancelled")


class Meaning(NamedTuple):
    """One internal state: its two names, whether it is the end, and what analysts call it."""

    listed: str
    retrieved: str
    is_final: bool
    outcome: str
    listed_helpers: frozenset[str]
    retrieved_helpers: frozenset[str]


def _live(listed: str, retrieved: str, helper: str, retrieved_helper: str | None = None) -> Meaning:
    other = frozenset({retrieved_helper or helper})
    return Meaning(listed, retrieved, False, "in_flight", frozenset({helper}), other)


def _final(listed: str, outcome: str, *helpers: str, retrieved: str | None = None) -> Meaning:
    true = frozenset(helpers)
    return Meaning(listed, retrieved or listed, True, outcome, true, true)


MEANINGS: dict[str, Meaning] = {
    "DELAYED": _live("DELAYED", "DELAYED", "isQueued"),
    "PENDING": _live("QUEUED", "QUEUED", "isQueued"),
    "PENDING_VERSION": _live("PENDING_VERSION", "PENDING_VERSION", "isQueued"),
    "WAITING_FOR_DEPLOY": _live("WAITING_FOR_DEPLOY", "PENDING_VERSION", "isQueued"),
    "DEQUEUED": _live("EXECUTING", "DEQUEUED", "isExecuting"),
    "EXECUTING": _live("EXECUTING", "EXECUTING", "isExecuting"),
    "RETRYING_AFTER_FAILURE": _live("REATTEMPTING", "EXECUTING", "isExecuting"),
    "WAITING_TO_RESUME": _live("FROZEN", "WAITING", "isExecuting", "isWaiting"),
    "COMPLETED_SUCCESSFULLY": _final("COMPLETED", "succeeded", "isCompleted", "isSuccess"),
    "CANCELED": _final("CANCELED", "cancelled", "isCompleted", "isFailed", "isCancelled"),
    "COMPLETED_WITH_ERRORS": _final("FAILED", "failed", "isCompleted", "isFailed"),
    "INTERRUPTED": _final("INTERRUPTED", "failed", "isCompleted", "isFailed", retrieved="FAILED"),
    "CRASHED": _final("CRASHED", "failed", "isCompleted", "isFailed"),
    "SYSTEM_FAILURE": _final("SYSTEM_FAILURE", "failed", "isCompleted", "isFailed"),
    "EXPIRED": _final("EXPIRED", "expired"),
    "TIMED_OUT": _final("TIMED_OUT", "failed"),
}


def helper_flags(true: frozenset[str]) -> dict[str, bool]:
    """Return the seven booleans of a run."""
    return {name: name in true for name in HELPERS}
