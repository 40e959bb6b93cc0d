"""Which tables a SELECT reads, found by DuckDB's own parser, and the order in which models can be built.

Nothing here runs a model or needs its tables to exist.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

import duckdb

from pipelines.database.connection import Connection
from pipelines.errors import BadModel
from pipelines.transform.model import Key, Model


def with_references(models: Sequence[Model]) -> tuple[Model, ...]:
    """Fill in the tables that each model reads. Raises BadModel for anything but one SELECT."""
    with duckdb.connect() as con:
        return tuple(replace(model, depends_on=_references(con, model)) for model in models)


def dependency_order(core: Sequence[Model], marts: Sequence[Model]) -> tuple[Model, ...]:
    """Sort marts so that each follows what it reads. Raises BadModel for a circle or an unknown table."""
    by_key = {model.key: model for model in marts}
    known = by_key.keys() | {model.key for model in core}
    for model in marts:
        for key in model.depends_on:
            if key not in known:
                raise BadModel(f"{model.path} reads {'.'.join(key)}, which is neither a core table nor a mart")
        if model.rows_of is not None and model.rows_of not in model.depends_on:
            yml, told = model.path.with_suffix(".yml"), ".".join(model.rows_of)
            raise BadModel(
                f"{yml} says `rows_of: {told}`, which its SQL does not read; name the table of which it shows each row"
            )
    graph = {key: [other for other in model.depends_on if other in by_key] for key, model in by_key.items()}
    try:
        return tuple(by_key[key] for key in TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " -> ".join(".".join(key) for key in error.args[1])
        raise BadModel(f"marts read each other in a circle: {circle}. Take one reference out") from error


def _references(con: Connection, model: Model) -> tuple[Key, ...]:
    row = con.execute("select json_serialize_sql(?::varchar)", [model.sql]).fetchone()
    parsed = json.loads(row[0]) if row else {}
    if parsed.get("error"):
        raise BadModel(f"{model.path} must be one SELECT: {parsed['error_message']}")
    if len(parsed["statements"]) != 1:
        raise BadModel(f"{model.path} must be one SELECT, and holds {len(parsed['statements'])} statements")
    nodes = list(_nodes(parsed["statements"]))
    return tuple(sorted(_tables(model, nodes)))


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)


def _tables(model: Model, nodes: list[dict[str, Any]]) -> set[Key]:
    ctes = {entry["key"].lower() for node in nodes if "cte_map" in node for entry in node["cte_map"]["map"]}
    found = set()
    for node in nodes:
        if node.get("type") != "BASE_TABLE":
            continue
        schema, table = node["schema_name"].lower(), node["table_name"].lower()
        if not schema and table in ctes:
            continue
        if not schema:
            raise BadModel(f"{model.path} reads {table!r}: name tables with their schema, as in core.{table}")
        found.add((schema, table))
    return found
