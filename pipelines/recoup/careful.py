"""Reading one object field by field: what is right is kept, each odd value costs itself alone and is told.

Used where the first look failed, or where DuckDB could not read what passed it. What it returns is canonical: instants
in UTC, of a repeated key the last, text without half characters, money as the digits that came. So the contract, the
first look and DuckDB's columns mean the same.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Any, NotRequired, Union, get_args, get_origin

import msgspec
from pydantic import ValidationError
from typing_extensions import is_typeddict

from pipelines.recoup import contract
from pipelines.recoup.believable import Believable, Unreadable
from pipelines.recoup.json_text import NotJson, elements, members, repaired
from pipelines.recoup.redaction import harmless_name, is_harmless, redact

LEVELS: dict[Any, str] = {contract.Task: "task", contract.Run: "run", contract.Attempt: "attempt"}
REASON_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Reject:
    """Something that could not be kept: where it stood, whose it is, why, and its redacted JSON."""

    path: str
    level: str
    task_id: str | None
    run_id: str | None
    reason: str
    raw: str
    run_created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Owner:
    """The ids under which an odd value is told."""

    task_id: str | None = None
    run_id: str | None = None


@dataclass(slots=True)
class Kept:
    """An object in canonical form, member by member."""

    parts: dict[str, bytes]
    window_count: int | None = None
    untold: list[str] = field(default_factory=list)

    @property
    def raw(self) -> bytes:
        """The object as one line of JSON."""
        return b"{%b}" % b",".join(b'"%b":%b' % (name.encode(), value) for name, value in self.parts.items())


class CarefulReader:
    """Reads objects of one answer; collects what it could not keep, and keys that the contract does not know."""

    def __init__(self, believable: Believable) -> None:
        self._believable = believable
        self.rejects: list[Reject] = []
        self.unknown_keys: dict[str, str] = {}

    def read(self, declared: Any, raw: bytes, at: str, owner: Owner = Owner()) -> Kept | None:
        """Return what can be kept of an object; None when its identity or its time cannot be read."""
        raw = repaired(raw)
        try:
            parts = members(raw)
        except NotJson:
            self._reject(declared, raw, {}, at, owner, f"{_general(at)}: not an object")
            return None
        owner = self._owner(declared, parts, owner)
        kept = Kept({})
        for name in contract.IDENTITIES[declared]:
            try:
                kept.parts[name] = self._identity(declared, name, parts)
            except Unreadable as why:
                self._reject(declared, raw, parts, at, owner, f"{_general(at)}.{name}: {why}")
                self._reject_runs(parts.get("recent_runs", b"[]"), f"{at}.recent_runs")
                return None
        self._members(declared, parts, at, owner, kept)
        return kept

    def _identity(self, declared: Any, name: str, parts: dict[str, bytes]) -> bytes:
        if name not in parts or parts[name] == b"null":
            raise Unreadable("missing")
        return self._leaf(declared.__annotations__[name], parts[name])

    def _members(self, declared: Any, parts: dict[str, bytes], at: str, owner: Owner, kept: Kept) -> None:
        """Read all members but the identity into `kept`; what is odd or absent stays out of it."""
        identities = contract.IDENTITIES.get(declared, ())
        for name, raw in parts.items():
            if name not in declared.__annotations__:
                path = f"{_general(at)}.{harmless_name(name)}"
                self.unknown_keys.setdefault(path, json_type(raw))
            elif name not in identities:
                self._member(declared.__annotations__[name], name, raw, at, owner, kept)
        kept.untold += [name for name in declared.__required_keys__ if name not in parts and name not in identities]

    def _member(self, declared: Any, name: str, raw: bytes, at: str, owner: Owner, kept: Kept) -> None:
        try:
            value = self._value(declared, raw, f"{at}.{name}", owner, kept)
        except Unreadable as why:
            reason = f"{_general(at)}.{harmless_name(name)}: {why}"[:REASON_LENGTH]
            shown = redact(raw, name)
            self.rejects.append(Reject(f"{at}.{name}", "field", owner.task_id, owner.run_id, reason, shown))
            kept.untold.append(name)
            return
        if value is not None:
            kept.parts[name] = value

    def _value(self, declared: Any, raw: bytes, at: str, owner: Owner, kept: Kept) -> bytes | None:
        """Return a member in canonical form, None for one that no column holds. Raises Unreadable."""
        if _bare(declared) == contract.Ignored:
            return None
        if raw == b"null":
            return raw
        if _bare(declared) == contract.Opaque:
            return _opaque(raw)
        inner, is_list = element_type(declared)
        if is_list:
            return self._objects(inner, raw, at, owner, kept) if is_typeddict(inner) else self._list(inner, raw)
        return self._nested(inner, raw, at, owner) if is_typeddict(inner) else self._leaf(inner, raw)

    def _nested(self, declared: Any, raw: bytes, at: str, owner: Owner) -> bytes:
        try:
            parts = members(raw)
        except NotJson:
            raise Unreadable("not an object") from None
        kept = Kept({})
        self._members(declared, parts, at, owner, kept)
        return kept.raw

    def _objects(self, declared: Any, raw: bytes, at: str, owner: Owner, kept: Kept) -> bytes:
        try:
            raws = elements(raw)
        except NotJson:
            raise Unreadable("not a list") from None
        read = [self.read(declared, each, f"{at}[{number}]", owner) for number, each in enumerate(raws)]
        if declared is contract.Run:
            kept.window_count = len(raws)
        return b"[%b]" % b",".join(each.raw for each in read if each is not None)

    def _list(self, declared: Any, raw: bytes) -> bytes:
        try:
            return b"[%b]" % b",".join(self._leaf(declared, each) for each in elements(raw))
        except NotJson:
            raise Unreadable("not a list") from None

    def _leaf(self, declared: Any, raw: bytes) -> bytes:
        try:
            value = contract.adapter(declared).validate_json(raw)
        except ValidationError as error:
            raise Unreadable(error.errors(include_url=False, include_input=False)[0]["msg"]) from None
        if isinstance(value, datetime):
            self._believable.refuse_others(value, declared)
            return b'"%b"' % value.astimezone(UTC).isoformat().replace("+00:00", "Z").encode()
        if isinstance(value, float):
            return b'"%b"' % raw  # the digits that came, which a double might not hold
        return msgspec.json.encode(value)

    def _owner(self, declared: Any, parts: dict[str, bytes], owner: Owner) -> Owner:
        own = _harmless_id(parts.get("id"))
        if declared is contract.Task:
            return Owner(own)
        return Owner(owner.task_id, own) if declared is contract.Run else owner

    def _reject(self, declared: Any, raw: bytes, parts: dict[str, bytes], at: str, owner: Owner, reason: str) -> None:
        created_at = None
        if declared is contract.Run and "createdAt" in parts:
            created_at = self._instant(parts["createdAt"])
        level, shown = LEVELS[declared], redact(raw)
        self.rejects.append(Reject(at, level, owner.task_id, owner.run_id, reason[:REASON_LENGTH], shown, created_at))

    def _reject_runs(self, window: bytes, at: str) -> None:
        """Tell the runs of a task that is set aside: they were seen, and nobody can tell whose they are."""
        try:
            raws = elements(window)
        except NotJson:
            return
        for number, raw in enumerate(raws):
            where = f"{at}[{number}]"
            try:
                parts = members(raw)
            except NotJson:
                parts = {}
            owner = Owner(None, _harmless_id(parts.get("id")))
            self._reject(contract.Run, raw, parts, where, owner, f"{_general(where)}: its task could not be read")

    def _instant(self, raw: bytes) -> datetime | None:
        try:
            self._leaf(contract.Instant, raw)
        except Unreadable:
            return None
        instant: datetime = contract.adapter(contract.Instant).validate_json(raw)
        return instant


def json_type(raw: bytes) -> str:
    """Name the type of a JSON value, by how it begins."""
    names = {b"{": "object", b"[": "array", b'"': "string", b"t": "boolean", b"f": "boolean", b"n": "null"}
    return names.get(raw[:1], "number")


def element_type(declared: Any) -> tuple[Any, bool]:
    """Return what a field holds, without "absent" and "null"; for a list what one element is, and True."""
    inner = _not_none(_bare(declared))
    return (get_args(inner)[0], True) if get_origin(inner) is list else (inner, False)


def _bare(declared: Any) -> Any:
    return get_args(declared)[0] if get_origin(declared) is NotRequired else declared


def _not_none(declared: Any) -> Any:
    if get_origin(declared) not in (Union, UnionType):
        return declared
    others = [argument for argument in get_args(declared) if argument is not NoneType]
    return others[0] if len(others) == 1 else declared


def _opaque(raw: bytes) -> bytes:
    try:
        msgspec.json.decode(raw)
    except RecursionError:
        return raw  # deeper than Python goes; DuckDB keeps it as it is
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Unreadable("not JSON") from None
    return raw


def _harmless_id(raw: bytes | None) -> str | None:
    try:
        value = msgspec.json.decode(raw) if raw else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return value if isinstance(value, str) and is_harmless(value) else None


def _general(at: str) -> str:
    """Return a path without positions: `tasks[3].recent_runs[1]` is `tasks[].recent_runs[]`."""
    return "[]".join(part.partition("]")[2] if number else part for number, part in enumerate(at.split("[")))
