"""The contract once more as msgspec types, derived from contract.py field by field: a fast first look at an object.

What passes here passes pydantic too (tests/test_gate_equivalence.py); whatever does not, pydantic judges (gate.py).
"""

from datetime import datetime
from types import NoneType, UnionType
from typing import Annotated, Any, NotRequired, Union, get_args, get_origin

import annotated_types
import msgspec
from pydantic import AwareDatetime, Strict
from pydantic.fields import FieldInfo
from typing_extensions import is_typeddict

from pipelines.recoup import contract

# pydantic's JSON parser refuses deeper nesting; how deep an object is nested, its opening brackets bound from above.
DEEPEST = 200


def passes(raw: bytes, decoder: msgspec.json.Decoder[Any]) -> bool:
    """Tell whether an object certainly keeps the contract; False means that pydantic must judge."""
    if raw.count(b"{") + raw.count(b"[") > DEEPEST:
        return False
    try:
        decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _translate(declared: Any, known: dict[Any, Any]) -> Any:
    """Return the msgspec type that accepts no more than pydantic does. Raises TypeError where it knows none."""
    origin, arguments = get_origin(declared), get_args(declared)
    if declared in (contract.Opaque, contract.Ignored):
        return Any
    if declared in (str, bool, int, float, NoneType):
        return declared
    if declared is AwareDatetime:
        return Annotated[datetime, msgspec.Meta(tz=True)]
    if is_typeddict(declared):
        return known.get(declared) or _struct(declared, known)
    if origin is NotRequired:
        return _translate(arguments[0], known)
    if origin in (Union, UnionType):
        return Union[tuple(_translate(argument, known) for argument in arguments)]  # noqa: UP007
    if origin is list:
        return list[_translate(arguments[0], known)]  # type: ignore[misc]
    if origin is Annotated:
        return _constrained(_translate(arguments[0], known), arguments[1:])
    raise TypeError(f"{declared}: first_look.py has no msgspec type for it yet")


def _struct(declared: Any, known: dict[Any, Any]) -> Any:
    required = declared.__required_keys__
    names = sorted(declared.__annotations__, key=lambda name: name not in required)
    types = {name: _translate(declared.__annotations__[name], known) for name in names}
    fields = [(name, types[name]) if name in required else (name, types[name], None) for name in names]
    known[declared] = msgspec.defstruct(declared.__name__, fields, forbid_unknown_fields=True, gc=False)
    return known[declared]


def _constrained(inner: Any, metadata: tuple[Any, ...]) -> Any:
    limits = [part for data in metadata for part in (data.metadata if isinstance(data, FieldInfo) else [data])]
    for limit in limits:
        inner = Annotated[inner, _constraint(limit)] if not _is_kept_anyway(limit) else inner
    return inner


def _constraint(limit: Any) -> msgspec.Meta:
    match limit:
        case annotated_types.MinLen(least):
            return msgspec.Meta(min_length=least)
        case annotated_types.MaxLen(most):
            return msgspec.Meta(max_length=most)
        case annotated_types.Ge(least) if isinstance(least, int | float):
            return msgspec.Meta(ge=least)
        case annotated_types.Le(most) if isinstance(most, int | float):
            return msgspec.Meta(le=most)
    raise TypeError(f"{limit}: first_look.py has no msgspec constraint for it yet")


def _is_kept_anyway(limit: Any) -> bool:
    # msgspec converts nothing, and NaN and Infinity are no JSON to it.
    return isinstance(limit, Strict) or getattr(limit, "allow_inf_nan", None) is False


_KNOWN: dict[Any, Any] = {}
TASK = msgspec.json.Decoder(_translate(contract.Task, _KNOWN))
RUN = msgspec.json.Decoder(_translate(contract.Run, _KNOWN))
