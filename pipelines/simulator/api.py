"""The simulated API without its network: a clock, the tasks endpoint, the runs endpoint, authentication, faults.

server.py puts it on a socket; nothing here waits, sends or listens.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from pipelines.simulator import faults as bad
from pipelines.simulator.body_faults import INSIDE
from pipelines.simulator.faults import Answer, Fault, error_answer
from pipelines.simulator.fleet import Fleet
from pipelines.simulator.run_json import Json, retrieved_run, scheduled_extra
from pipelines.simulator.runs_endpoint import account_listing
from pipelines.simulator.task_json import Shape, TaskRows
from pipelines.simulator.time_units import to_ms

_BAD_UUID = "Failed to fetch scheduled actions: invalid input syntax for type uuid: "


class Simulator:
    """A Recoup API at a simulated instant.

    `clock`, when given, is the time (a live demonstration); otherwise `set_now` and `advance` move it. `shapes` names
    accounts that are answered in another shape than the rest.
    """

    def __init__(
        self,
        fleet: Fleet,
        now: datetime | None = None,
        api_key: str = "recoup_sk_simulated",
        shape: Shape = "live",
        *,
        is_admin: bool = True,
        shapes: Mapping[str, Shape] | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.fleet = fleet
        self.is_admin = is_admin
        self.request_count = 0
        # How far the server's clock is from `now`, in the header `Date`; None leaves the header out.
        self.date_offset: timedelta | None = None
        self._api_key = api_key
        self._clock = clock
        self._now = now or fleet.start or datetime(2026, 1, 1, tzinfo=UTC)
        self._rows = TaskRows(fleet, shape, shapes or {})
        self._faults: list[Fault] = []
        self._used: Counter[int] = Counter()
        self._lock = threading.RLock()

    @property
    def now(self) -> datetime:
        """The simulated instant."""
        return self._clock() if self._clock else self._now

    def set_now(self, now: datetime) -> None:
        """Move the clock to an instant, also an earlier one: an answer depends on nothing but the instant."""
        with self._lock:
            self._now = now

    def advance(self, by: timedelta) -> None:
        """Move the clock forward by a span of time."""
        with self._lock:
            self._now += by

    def add_fault(self, fault: Fault) -> None:
        """Add a fault to the next answers; faults.py lists the kinds."""
        with self._lock:
            self._faults.append(fault)

    def clear_faults(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()

    def answer(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Answer one GET request. The names of `headers` are lower case."""
        with self._lock:
            answer = self._answer_undated(path, query, headers)
            if self.date_offset is not None:
                answer.headers["Date"] = format_datetime((self.now + self.date_offset).astimezone(UTC), usegmt=True)
            return answer

    def _answer_undated(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        self.request_count += 1
        if path not in (bad.TASKS_PATH, bad.RUNS_PATH):
            return bad.no_such_path()
        refused = self._authenticate(headers)
        return refused or self._answer(path, query, to_ms(self.now))

    def _authenticate(self, headers: Mapping[str, str]) -> Answer | None:
        key, bearer = headers.get("x-api-key"), headers.get("authorization")
        if bool(key) == bool(bearer):
            return error_answer(401, "Exactly one of x-api-key or Authorization must be provided")
        if bearer:
            scheme, _, key = bearer.partition(" ")
            if scheme != "Bearer" or not key:
                return error_answer(401, "Authorization header with Bearer token required", "message")
        return None if key == self._api_key else error_answer(401, "Unauthorized", "message")

    def _answer(self, path: str, query: Mapping[str, str], now_ms: int) -> Answer:
        is_single = path == bad.RUNS_PATH and "runId" in query
        account = None if is_single else query.get("account_id") or self._own_account
        due = [fault for fault in self._faults if self._take(fault, now_ms, account, path)]
        for fault in due:
            if fault.kind in bad.REPLACING:
                return self._travel(bad.REPLACING[fault.kind](fault), due)
        if path == bad.RUNS_PATH:
            return self._travel(self._runs(query, now_ms, due), due)
        return self._travel(self._tasks(query, now_ms, due), due)

    def _take(self, fault: Fault, now_ms: int, account: str | None, path: str) -> bool:
        if not fault.is_due(now_ms, account, path):
            return False
        if fault.times is not None and self._used[id(fault)] >= fault.times:
            return False
        self._used[id(fault)] += 1
        return True

    @staticmethod
    def _travel(answer: Answer, due: list[Fault]) -> Answer:
        for fault in due:
            if fault.kind in bad.TRAVELLING:
                bad.TRAVELLING[fault.kind](fault, answer)
        return answer

    @property
    def _own_account(self) -> str:
        return self.fleet.account_ids[0] if self.fleet.account_ids else ""

    def _is_out_of_scope(self, query: Mapping[str, str]) -> bool:
        wanted = query.get("account_id")
        return bool(wanted) and wanted != self._own_account and not self.is_admin

    def _tasks(self, query: Mapping[str, str], now_ms: int, due: list[Fault]) -> Answer:
        if self._is_out_of_scope(query):
            return error_answer(403, "Access denied to specified account_id")
        named = {name: query[name] for name in ("id", "account_id", "artist_account_id") if query.get(name)}
        for value in named.values():
            if not _is_uuid(value):
                return error_answer(500, f'{_BAD_UUID}"{value}"')
        # An admin's `id` alone reaches any owner's task; otherwise the scope is one account.
        if "account_id" not in named and not ("id" in named and self.is_admin):
            named["account_id"] = self._own_account
        body = self._rows.answer(now_ms, named, _coerced_enabled(query))
        return Answer(200, _with_faults(body, [fault for fault in due if fault.kind in INSIDE]))

    def _runs(self, query: Mapping[str, str], now_ms: int, due: list[Fault]) -> Answer:
        if any(fault.kind in bad.UPSTREAM_DOWN and fault.task_id is None for fault in due):
            return error_answer(500, "Trigger.dev API error: 429")
        if query.get("runId"):
            return self._single_run(query["runId"], now_ms)
        limit = _limit(query.get("limit", "20"))
        if isinstance(limit, str):
            return error_answer(400, limit)
        if self._is_out_of_scope(query):
            return error_answer(403, "Access denied to specified account_id")
        return _success(
            "runs", account_listing(self.fleet, query.get("account_id") or self._own_account, now_ms, limit)
        )

    def _single_run(self, run_id: str, now_ms: int) -> Answer:
        found = self.fleet.find(run_id, now_ms)
        if found:
            line, run = found
            extra = scheduled_extra(line, run, now_ms)
            return _success("runs", [retrieved_run(run, now_ms, line.task.account_id, extra)])
        for other in self.fleet.foreign.values():
            if foreign_run := other.find(run_id, now_ms):
                return _success("runs", [other.retrieved(foreign_run, now_ms)])
        # The real server takes some nine seconds of retries to say so.
        return error_answer(500, "Not found")


def _success(name: Literal["runs"], rows: list[Json]) -> Answer:
    return Answer(200, msgspec.json.encode({"status": "success", name: rows}))


def _with_faults(body: bytes, due: list[Fault]) -> bytes:
    if not due:
        return body
    decoded: dict[str, Any] = msgspec.json.decode(body)
    for fault in due:
        tasks = decoded["tasks"]
        if fault.task_id is None:
            INSIDE[fault.kind](tasks)
            continue
        chosen = [task for task in tasks if task["id"] == fault.task_id]
        before = len(chosen)
        INSIDE[fault.kind](chosen)
        tasks.extend(chosen[before:])
    return msgspec.json.encode(decoded)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _coerced_enabled(query: Mapping[str, str]) -> bool | None:
    # The server coerces any non-empty text to true, "false" included.
    return bool(query["enabled"]) if "enabled" in query else None


def _limit(text: str) -> int | str:
    """Return the limit, or the text of the server's refusal."""
    try:
        limit = int(text)
    except ValueError:
        return "Invalid input: expected number, received NaN"
    if limit > 100:
        return "Too big: expected number to be <=100"
    return "Too small: expected number to be >=1" if limit < 1 else limit
