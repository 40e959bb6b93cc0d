"""The gate: nearly all objects of a body pass the first look as they are, the others are read field by field.

What an odd value costs is in careful.py; how bodies are split, in envelope.py. SQL does not belong here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from typing_extensions import is_typeddict

from pipelines.recoup import contract, fast_contract
from pipelines.recoup.believable import Believable
from pipelines.recoup.careful import CarefulReader, Reject, element_type, json_type
from pipelines.recoup.endpoints import Kind
from pipelines.recoup.redaction import harmless_name

DECLARED: dict[Kind, Any] = {Kind.TASKS: contract.Task, Kind.RUNS: contract.Run, Kind.RUN: contract.Run}
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Passed:
    """One object to be loaded. The rest is set when it was read field by field: it is canonical then.

    `window_count` tells how many runs its window held; `untold` names the fields of a task that it did not tell.
    """

    index: int
    raw: bytes
    window_count: int | None = None
    untold: Sequence[str] = ()
    is_canonical: bool = False


@dataclass(slots=True)
class Gated:
    """What one body gave: objects to load, rejects, and paths of keys that the contract does not know."""

    passed: list[Passed] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    unknown_keys: dict[str, str] = field(default_factory=dict)


def gate(raws: Sequence[tuple[int, bytes]], kind: Kind, received_at: datetime) -> Gated:
    """Take a first look at the objects of one body, and read with care what does not pass it."""
    declared = DECLARED[kind]
    closed, opened = fast_contract.CLOSED[declared], fast_contract.OPEN[declared]
    gated = Gated()
    for index, raw in raws:
        if fast_contract.passes(raw, closed):
            gated.passed.append(Passed(index, raw))
        elif fast_contract.passes(raw, opened):
            gated.passed.append(Passed(index, raw))
            _note_unknown_keys(declared, raw, f"{kind.listed}[]", gated.unknown_keys)
        else:
            gate_carefully(index, raw, kind, received_at, gated)
    return gated


def gate_carefully(index: int, raw: bytes, kind: Kind, received_at: datetime, gated: Gated) -> None:
    """Read one object field by field; what is kept of it, and what is not, is added to `gated`."""
    reader = CarefulReader(Believable.at(received_at))
    kept = reader.read(DECLARED[kind], raw, f"{kind.listed}[{index}]")
    gated.rejects += reader.rejects
    gated.unknown_keys = reader.unknown_keys | gated.unknown_keys
    if kept is not None:
        gated.passed.append(Passed(index, kept.raw, kept.window_count, tuple(kept.untold), is_canonical=True))


def _note_unknown_keys(declared: Any, raw: bytes, path: str, unknown: dict[str, str]) -> None:
    """Find the keys that the contract does not know, also in the objects inside. The object passed the open look."""
    for name, value in _MEMBERS.decode(raw).items():
        inner = bytes(value)
        if name not in declared.__annotations__:
            unknown.setdefault(f"{path}.{harmless_name(name)}", json_type(inner))
            continue
        element, is_list = element_type(declared.__annotations__[name])
        if not is_typeddict(element) or inner == b"null":
            continue
        here = f"{path}.{name}" + ("[]" if is_list else "")
        for each in map(bytes, _ELEMENTS.decode(inner)) if is_list else [inner]:
            _note_unknown_keys(element, each, here, unknown)
