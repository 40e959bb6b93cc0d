"""The gate: splits a body into tasks or runs, validates each, and takes apart only what fails.

One bad run costs itself alone, one bad attempt too. SQL and the warehouse do not belong here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from pydantic import ValidationError

from pipelines.errors import BadPayload
from pipelines.recoup import contract, fast_contract
from pipelines.recoup.endpoints import Kind
from pipelines.recoup.redaction import harmless_name, is_harmless, redact


class Envelope(msgspec.Struct):
    """What surrounds tasks or runs; `Raw` scans without building, so a cut body is still noticed."""

    status: str
    tasks: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET
    runs: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True, slots=True)
class Reject:
    """Something that did not pass: where it stood, why, and its redacted JSON."""

    path: str
    level: str
    task_id: str | None
    run_id: str | None
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Passed:
    """One accepted object; `window_count` is set when runs were taken out of its window."""

    index: int
    raw: bytes
    window_count: int | None = None


@dataclass(slots=True)
class Gated:
    """What one body gave: accepted objects, rejects, and paths of keys that the contract does not know."""

    passed: list[Passed] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    unknown_keys: dict[str, str] = field(default_factory=dict)


_ENVELOPE = msgspec.json.Decoder(Envelope)
_PARTS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
REASON_LENGTH = 300
# A large body names what it lists in its first bytes; searching all of it would take as long as reading it.
HEAD_BYTES = 256


def split(body: bytes, kind: Kind, where: str) -> list[bytes]:
    """Return the raw JSON of each task (or run) of a response body.

    Raises BadPayload when the body is not JSON, was cut, or does not hold a list of them.
    """
    try:
        envelope = _ENVELOPE.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadPayload(f"{where}: the body is not the documented JSON; the poll was not loaded") from error
    parts = getattr(envelope, kind.listed)
    if envelope.status != "success" or isinstance(parts, msgspec.UnsetType):
        raise BadPayload(f"{where}: the answer holds no list of {kind.listed}; the poll was not loaded")
    return [bytes(part) for part in parts]


def kind_of(body: bytes) -> Kind:
    """Tell which endpoint a saved body came from: tasks, the runs listing, or one retrieved run."""
    head = body[:HEAD_BYTES]
    if b'"tasks"' in head.partition(b'"runs"')[0] or b'"runs"' not in body:
        return Kind.TASKS
    try:
        runs = _ENVELOPE.decode(body).runs
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Kind.TASKS
    if isinstance(runs, msgspec.UnsetType):
        return Kind.TASKS
    return Kind.RUN if len(runs) == 1 and b'"attemptCount"' in bytes(runs[0]) else Kind.RUNS


def gate(raws: Sequence[tuple[int, bytes]], kind: Kind) -> Gated:
    """Validate the objects of one body: nearly all pass the first look, the others are judged by pydantic."""
    decoder = fast_contract.TASK if kind is Kind.TASKS else fast_contract.RUN
    gated = Gated()
    for index, raw in raws:
        if fast_contract.passes(raw, decoder):
            gated.passed.append(Passed(index, raw))
        else:
            _gate_one(index, raw, kind, gated)
    return gated


def _gate_one(index: int, raw: bytes, kind: str, gated: Gated) -> None:
    one = contract.task_adapter() if kind == "tasks" else contract.run_adapter()
    at = f"{'tasks' if kind == 'tasks' else 'runs'}[{index}]"
    try:
        one.validate_json(raw)
    except ValidationError as error:
        faults = _sort_out(error, raw, at, gated)
        passed = _cut_out(index, raw, kind, at, faults, gated)
        if passed is not None:
            gated.passed.append(passed)
        return
    gated.passed.append(Passed(index, raw))


def _sort_out(error: ValidationError, raw: bytes, at: str, gated: Gated) -> dict[tuple[Any, ...], str]:
    """Record unknown keys, which break nothing; return the real faults by place."""
    faults: dict[tuple[Any, ...], str] = {}
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        place = tuple(fault["loc"])
        if fault["type"] == "extra_forbidden":
            path = _general_path(at, place)
            gated.unknown_keys.setdefault(path, _json_type(_lookup(raw, place)))
        else:
            faults.setdefault(place, f"{_general_path(at, place)}: {fault['msg']}"[:REASON_LENGTH])
    return faults


def _cut_out(
    index: int, raw: bytes, kind: str, at: str, faults: dict[tuple[Any, ...], str], gated: Gated
) -> Passed | None:
    """Remove the bad runs and attempts; None when the fault is the object's own."""
    if not faults:
        return Passed(index, raw)
    level = "task" if kind == "tasks" else "run"
    own = {place: why for place, why in faults.items() if _nested(place, kind) is None}
    parts = None if own else _PARTS.decode(raw)
    if parts is None:
        gated.rejects.append(_reject(at, level, raw, raw if level == "task" else None, next(iter(own.values()))))
        return None
    if kind == "runs":
        return Passed(index, _without_attempts(raw, faults, at, None, gated))
    return _without_runs(index, parts, faults, at, raw, gated)


def _without_runs(
    index: int,
    parts: dict[str, msgspec.Raw],
    faults: dict[tuple[Any, ...], str],
    at: str,
    task: bytes,
    gated: Gated,
) -> Passed:
    runs = [bytes(run) for run in _LIST.decode(parts["recent_runs"])]
    kept: list[msgspec.Raw] = []
    for number, run in enumerate(runs):
        here = {place[2:]: why for place, why in faults.items() if place[1] == number}
        own = [why for place, why in here.items() if _nested(place, "runs") is None]
        where = f"{at}.recent_runs[{number}]"
        if own:
            gated.rejects.append(_reject(where, "run", run, task, own[0]))
        else:
            kept.append(msgspec.Raw(_without_attempts(run, here, where, task, gated) if here else run))
    parts["recent_runs"] = msgspec.Raw(msgspec.json.encode(kept))
    return Passed(index, msgspec.json.encode(parts), window_count=len(runs))


def _without_attempts(
    run: bytes, faults: dict[tuple[Any, ...], str], at: str, task: bytes | None, gated: Gated
) -> bytes:
    parts = _PARTS.decode(run)
    bad = {place[1]: why for place, why in faults.items()}
    attempts = _LIST.decode(parts["attempts"])
    for number, why in bad.items():
        where = f"{at}.attempts[{number}]"
        gated.rejects.append(_reject(where, "attempt", bytes(attempts[number]), task, why, run))
    kept = [attempt for number, attempt in enumerate(attempts) if number not in bad]
    parts["attempts"] = msgspec.Raw(msgspec.json.encode(kept))
    return msgspec.json.encode(parts)


def _nested(place: tuple[Any, ...], kind: str) -> int | None:
    """Return the index of the inner object that a fault belongs to, None when it is the object's own."""
    inner = "recent_runs" if kind == "tasks" else "attempts"
    return place[1] if len(place) >= 2 and place[0] == inner and isinstance(place[1], int) else None


def _reject(at: str, level: str, raw: bytes, task: bytes | None, reason: str, run: bytes | None = None) -> Reject:
    run_raw = run if level == "attempt" else raw if level == "run" else None
    return Reject(at, level, _id_of(task), _id_of(run_raw), reason, redact(raw))


def _id_of(raw: bytes | None) -> str | None:
    value = _lookup(raw, ("id",)) if raw is not None else None
    return value if isinstance(value, str) and is_harmless(value) else None


def _lookup(raw: bytes, place: tuple[Any, ...]) -> Any:
    value: Any = None
    try:
        value = msgspec.json.decode(raw)
        for step in place:
            value = value[step]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, IndexError, TypeError):
        return None
    return value


def _general_path(at: str, place: tuple[Any, ...]) -> str:
    path = at.split("[")[0] + "[]"
    for step in place:
        path += "[]" if isinstance(step, int) else f".{harmless_name(str(step))}"
    return path


def _json_type(value: Any) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "null")
