"""The contract of the API once more as DuckDB types, derived from recoup/contract.py field by field.

So a field is declared once. Which column a field reaches is written in sql/flatten; tests/load/test_fields.py compares.
"""

from functools import cache
from types import NoneType, UnionType
from typing import Any, NotRequired, Union, get_args, get_origin

from typing_extensions import is_typeddict

from pipelines.recoup import contract

# Money is read as text and becomes a DECIMAL in SQL. A lifetime (`ttl`) is text or number upstream.
_TYPES: dict[Any, str] = {
    contract.Identifier: "VARCHAR",
    contract.Word: "VARCHAR",
    contract.Lifetime: "VARCHAR",
    contract.Cents: "VARCHAR",
    contract.Instant: "TIMESTAMPTZ",
    contract.Stamp: "TIMESTAMPTZ",
    contract.Flag: "BOOLEAN",
    contract.Milliseconds: "BIGINT",
    contract.Count: "INTEGER",
    contract.Opaque: "JSON",
}


@cache
def struct_type(declared: Any) -> str:
    """Return the DuckDB type of a declared object. Raises TypeError for a type that has none here yet."""
    members = [
        f'"{name}" {_type_of(inner)}'
        for name, inner in declared.__annotations__.items()
        if _bare(inner) != contract.Ignored
    ]
    return f"STRUCT({', '.join(members)})"


def _type_of(declared: Any) -> str:
    declared = _bare(declared)
    if declared in _TYPES:
        return _TYPES[declared]
    if is_typeddict(declared):
        return struct_type(declared)
    if get_origin(declared) in (Union, UnionType):
        (inner,) = (argument for argument in get_args(declared) if argument is not NoneType)
        return _type_of(inner)
    if get_origin(declared) is list:
        return f"{_type_of(get_args(declared)[0])}[]"
    raise TypeError(f"{declared}: json_types.py has no DuckDB type for it yet")


def _bare(declared: Any) -> Any:
    return get_args(declared)[0] if get_origin(declared) is NotRequired else declared
