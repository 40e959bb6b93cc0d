"""Faults of the simulated API: what goes wrong between server and client, when, and for which account.

A fault is only declared here; api.py applies it, and what happens inside a body is in body_faults.py. The bodies are
those of the real server where they are known.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from pipelines.simulator.body_faults import INSIDE
from pipelines.simulator.time_units import to_ms

JSON_TYPE = "application/json"
TASKS_PATH = "/api/tasks"
RUNS_PATH = "/api/tasks/runs"


@dataclass(slots=True)
class Answer:
    """One HTTP answer and how it is sent: `delay_s` before it, `pad_bytes` of padding after it, or cut off midway."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    pad_bytes: int = 0
    is_cut: bool = False


def error_answer(status: int, text: str, key: str = "error", **headers: str) -> Answer:
    """Return an error in the API's own form; `key` is `message` where the real server uses that."""
    return Answer(status, msgspec.json.encode({"status": "error", key: text}), headers=dict(headers))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fault:
    """One kind of fault, in force from `from_at` until before `to_at` of simulated time (None = no limit).

    `times` limits how many answers it affects; `account_id`, `path` and (for faults inside a body) `task_id`
    say which. `status` is the code of `runs_refused`.
    """

    kind: str
    from_at: datetime | None = None
    to_at: datetime | None = None
    account_id: str | None = None
    path: str | None = None
    task_id: str | None = None
    times: int | None = None
    retry_after: str | None = None
    seconds: float = 1.0
    size_bytes: int = 300 * 1024 * 1024
    status: int = 403

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; known: {', '.join(sorted(KINDS))}")

    def is_due(self, now_ms: int, account_id: str | None, path: str) -> bool:
        """Tell whether the fault affects a request. A run asked for by id belongs to no account here."""
        if self.from_at is not None and now_ms < to_ms(self.from_at):
            return False
        if self.to_at is not None and now_ms >= to_ms(self.to_at):
            return False
        wanted = RUNS_PATH if self.kind == "runs_refused" else self.path
        return (wanted is None or wanted == path) and self.account_id in (None, account_id)


def _text(status: int, code: str) -> Answer:
    body = f"An error occurred with your deployment\n\n{code}\n\niad1::sim01-1\n"
    return Answer(status, body.encode(), "text/plain; charset=utf-8")


def _rate_limited(fault: Fault) -> Answer:
    headers = {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
    body = {"type": "https://developer.mozilla.org/en-US/docs/Web/HTTP/Status/429", "title": "Rate Limit Exceeded"}
    return Answer(429, msgspec.json.encode(body | {"status": 429}), "application/problem+json", headers)


def no_such_path() -> Answer:
    """Answer as the web framework does for a path that no code serves: with a page, not with the API's JSON."""
    return Answer(404, b"<!DOCTYPE html><html><body>404</body></html>", "text/html")


def _refused(fault: Fault) -> Answer:
    return (
        no_such_path() if fault.status == 404 else error_answer(fault.status, "Access denied to specified account_id")
    )


# These replace the true answer.
REPLACING: dict[str, Callable[[Fault], Answer]] = {
    "unauthorized": lambda _: error_answer(401, "Exactly one of x-api-key or Authorization must be provided"),
    "unauthorized_message_form": lambda _: error_answer(401, "Unauthorized", "message"),
    "forbidden": lambda _: error_answer(403, "Access denied to specified account_id"),
    "rate_limited": _rate_limited,
    "server_error": lambda _: error_answer(500, "Internal server error"),
    "upstream_error": lambda _: error_answer(500, "Trigger.dev API error: 429"),
    "gateway_timeout": lambda _: _text(504, "FUNCTION_INVOCATION_TIMEOUT"),
    "body_too_large": lambda _: _text(500, "FUNCTION_RESPONSE_PAYLOAD_TOO_LARGE"),
    "html": lambda _: Answer(200, b"<!DOCTYPE html><html><body>Checking your browser</body></html>", "text/html"),
    "malformed": lambda _: Answer(200, b'{"status":"success","tasks":[{,]}'),
    "empty_body": lambda _: Answer(200, b""),
    "error_with_200": lambda _: error_answer(200, "Something went wrong"),
    "runs_refused": _refused,
}


def _truncated(_: Fault, answer: Answer) -> None:
    answer.body = answer.body[: max(len(answer.body) // 2, 1)]


def _slow(fault: Fault, answer: Answer) -> None:
    answer.delay_s += fault.seconds


def _disconnect(_: Fault, answer: Answer) -> None:
    answer.is_cut = True


def _oversized(fault: Fault, answer: Answer) -> None:
    answer.pad_bytes = fault.size_bytes


# These send the true answer badly.
TRAVELLING: dict[str, Callable[[Fault, Answer], None]] = {
    "truncated": _truncated,
    "slow": _slow,
    "disconnect": _disconnect,
    "oversized": _oversized,
}

# Where these empty `recent_runs` without a word, the runs endpoint answers with an error.
UPSTREAM_DOWN = frozenset({"silent_outage", "lookup_failed"})
KINDS = frozenset({*REPLACING, *TRAVELLING, *INSIDE})
