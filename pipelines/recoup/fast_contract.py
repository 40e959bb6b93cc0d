"""The contract once more as msgspec types, derived from contract.py field by field: a fast first look at an object.

What passes here passes pydantic too (tests/recoup/test_gate_equivalence.py); whatever does not is read by careful.py.
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

Decoder = msgspec.json.Decoder[Any]


def passes(raw: bytes, decoder: Decoder) -> bool:
    """Tell whether an object certainly keeps the contract; False means that it must be read with care."""
    try:
        decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


class _Types:
    """Translates the contract; `is_closed` refuses keys that it does not know."""

    def __init__(self, *, is_closed: bool) -> None:
        self._is_closed = is_closed
        self._known: dict[Any, Any] = {}

    def of(self, declared: Any) -> Any:
        """Return the msgspec type that accepts no more than pydantic does. Raises TypeError where it knows none."""
        origin, arguments = get_origin(declared), get_args(declared)
        if declared in (contract.Opaque, contract.Ignored):
            return Any
        if declared in (str, bool, int, float, NoneType):
            return declared
        if declared is AwareDatetime:
            return Annotated[datetime, msgspec.Meta(tz=True)]
        if is_typeddict(declared):
            return self._known.get(declared) or self._struct(declared)
        if origin is NotRequired:
            return self.of(arguments[0])
        if origin in (Union, UnionType):
            return Union[tuple(self.of(argument) for argument in arguments)]  # noqa: UP007
        if origin is list:
            return list[self.of(arguments[0])]  # type: ignore[misc]
        if origin is Annotated:
            return _constrained(self.of(arguments[0]), arguments[1:])
        raise TypeError(f"{declared}: fast_contract.py has no msgspec type for it yet")

    def _struct(self, declared: Any) -> Any:
        required = declared.__required_keys__
        names = sorted(declared.__annotations__, key=lambda name: name not in required)
        types = {name: self.of(declared.__annotations__[name]) for name in names}
        fields = [(name, types[name]) if name in required else (name, types[name], None) for name in names]
        self._known[declared] = msgspec.defstruct(
            declared.__name__, fields, forbid_unknown_fields=self._is_closed, gc=False
        )
        return self._known[declared]


def _constrained(inner: Any, metadata: tuple[Any, ...]) -> Any:
    limits = [part for data in metadata for part in (data.metadata if isinstance(data, FieldInfo) else [data])]
    for limit in limits:
        inner = Annotated[inner, _constraint(limit)] if not _is_kept_anyway(limit) else inner
    return inner


def _constraint(limit: Any) -> msgspec.Meta:
    match limit:
        case annotated_types.MaxLen(most):
            return msgspec.Meta(max_length=most)
        case annotated_types.Ge(least) if isinstance(least, int | float):
            return msgspec.Meta(ge=least)
        case annotated_types.Le(most) if isinstance(most, int | float):
            return msgspec.Meta(le=most)
    if pattern := getattr(limit, "pattern", None):
        # In Python, which msgspec asks, "$" stands before a last line break as well; in pydantic it does not.
        return msgspec.Meta(pattern=str(pattern).replace("$", r"\Z"))
    raise TypeError(f"{limit}: fast_contract.py has no msgspec constraint for it yet")


def _is_kept_anyway(limit: Any) -> bool:
    # msgspec converts nothing, and NaN and Infinity are no JSON to it. Which instants are believable, SQL tells.
    is_marker = limit in ("past", "any time", "ignored")
    return is_marker or isinstance(limit, Strict) or getattr(limit, "allow_inf_nan", None) is False


_CLOSED, _OPEN = _Types(is_closed=True), _Types(is_closed=False)
# Made at import, since the fast way needs them in nearly every process that loads anything.
CLOSED: dict[Any, Decoder] = {kind: msgspec.json.Decoder(_CLOSED.of(kind)) for kind in (contract.Task, contract.Run)}
OPEN: dict[Any, Decoder] = {kind: msgspec.json.Decoder(_OPEN.of(kind)) for kind in (contract.Task, contract.Run)}
