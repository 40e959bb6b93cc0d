"""Loaded models, kept for the next process: reading, ordering and binding them is half a second of each start.

They are recognised by everything that they are made from: the files of sql/, the code that reads them, DuckDB's version.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import msgspec
import xxhash

from pipelines import paths
from pipelines.database import core_schema, sql_text
from pipelines.transform.model import Check, Model
from pipelines.user_cache import cache_dir, keep

Models = tuple[Model, ...]
_READ_BY = (core_schema.__file__, sql_text.__file__, paths.__file__)
_MADE_FROM = ("core", "macros", "marts", "seeds")


class _Kept(msgspec.Struct):
    made_from: str
    models: Models


_DECODER = msgspec.msgpack.Decoder(_Kept, dec_hook=lambda wanted, value: wanted(value))


def kept_or_made(sql_dir: Path, make: Callable[[], Models]) -> Models:
    """Return the models that were kept for the same files; else make them, and keep what reads back as the same."""
    try:
        path = cache_dir() / f"models-{xxhash.xxh3_64_hexdigest(str(sql_dir).encode())}.msgpack"
    except RuntimeError:
        return make()
    made_from = _made_from(sql_dir)
    kept = _read(path)
    if kept and kept.made_from == made_from:
        return kept.models
    models = make()
    content = msgspec.msgpack.encode(_Kept(made_from, models), enc_hook=str)
    if _whole(_DECODER.decode(content)).models == models:
        keep(path, content)
    return models


def _made_from(sql_dir: Path) -> str:
    files = [file for folder in _MADE_FROM for file in (sql_dir / folder).iterdir() if file.is_file()]
    code = [*Path(__file__).parent.glob("*.py"), *map(Path, _READ_BY)]
    hashed = xxhash.xxh3_128(duckdb.__version__.encode())
    for file in sorted([*files, *code]):
        content = file.read_bytes()
        hashed.update(f"{file} {len(content)} ".encode() + content)
    return hashed.hexdigest()


def _read(path: Path) -> _Kept | None:
    try:
        return _whole(_DECODER.decode(path.read_bytes()))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _whole(kept: _Kept) -> _Kept:
    """Make tuples again of what has no type to be decoded as."""
    models = tuple(replace(model, checks=tuple(map(_with_tuple, model.checks))) for model in kept.models)
    return _Kept(kept.made_from, models)


def _with_tuple(check: Check) -> Check:
    return replace(check, argument=tuple(check.argument)) if isinstance(check.argument, list) else check
