"""Tables, views and macros in the lake, made again where they are not what the published copy has.

Their rows belong to days.py.
"""

from collections.abc import Iterable, Mapping, Sequence

import duckdb

from pipelines.database.connection import Connection
from pipelines.database.sql_text import literal
from pipelines.lake.connection import LAKE
from pipelines.lake.relations import Relation
from pipelines.publish.publisher import PUBLISHED_SCHEMAS

MACRO, TABLE, RUNS = "macro", "table", "core.runs"
# By name: what it is in SQL, and a text that is another one when it has to be made again.
Definitions = dict[str, tuple[str, str]]


def make_what_differs(con: Connection, relations: Sequence[Relation], macros: Mapping[str, str]) -> list[str]:
    """Drop and make what differs, inside the caller's transaction; return the names. A table made again is empty."""
    for schema in PUBLISHED_SCHEMAS:
        con.execute(f"create schema if not exists {LAKE}.{schema}")
    known = _known(con)
    wanted: Definitions = {relation.key: (relation.kind, relation.definition) for relation in relations}
    wanted |= {name: (MACRO, text) for name, text in macros.items()}
    differing = sorted({name for name, _ in wanted.items() ^ known.items()})
    if RUNS in differing:  # without the runs of before, nobody knows the day of a row that borrowed it from them
        differing += [one.key for one in relations if one.borrows_its_day and one.key not in differing]
    if differing:
        # A view is bound to what it reads and calls, so all views and macros are made again together.
        _drop(con, {name: kind for name, (kind, _) in known.items() if kind != TABLE or name in differing})
        _make_tables(con, [one for one in relations if not one.view_sql and one.key in differing])
        _make_views(con, [one for one in relations if one.view_sql], macros)
        _remember(con, wanted)
    return differing


def _known(con: Connection) -> Definitions:
    query = f"select relation, kind, definition from {LAKE}.publishing.definitions"  # noqa: S608 - our own name
    return {name: (kind, text) for name, kind, text in con.execute(query).fetchall()}


def _drop(con: Connection, kinds: Mapping[str, str]) -> None:
    # Views first, and macros last.
    for name, kind in sorted(kinds.items(), key=lambda item: item[1], reverse=True):
        con.execute(f"drop {kind} {LAKE}.{name}")
        con.execute(f"delete from {LAKE}.publishing.digests where relation = {literal(name)}")  # noqa: S608


def _make_tables(con: Connection, tables: Iterable[Relation]) -> None:
    for table in tables:
        for sql in table.create(LAKE):
            con.execute(sql)


def _make_views(con: Connection, views: Iterable[Relation], macros: Mapping[str, str]) -> None:
    """Make macros and views. They name each other without a catalog, so the lake's own are the ones that they mean."""
    pending = {f"create macro {text}" for text in macros.values()} | {view.view_sql for view in views}
    con.execute(f"use {LAKE}")
    while pending:
        made = {sql for sql in sorted(pending) if _succeeds(con, sql)}
        if not made:
            con.execute(min(pending))  # raises what stands in the way
        pending -= made
    con.execute("use memory")
    for sql in (sql for view in views for sql in view.comment_on(LAKE)):
        con.execute(sql)


def _succeeds(con: Connection, sql: str) -> bool:
    try:
        con.execute(sql)
    except (duckdb.CatalogException, duckdb.BinderException):
        return False  # it calls or reads what is not made yet
    return True


def _remember(con: Connection, wanted: Definitions) -> None:
    rows = ", ".join(f"({literal(name)}, {literal(kind)}, {literal(text)})" for name, (kind, text) in wanted.items())
    con.execute(f"delete from {LAKE}.publishing.definitions")  # noqa: S608 - our own name
    con.execute(f"insert into {LAKE}.publishing.definitions values {rows}")  # noqa: S608 - our own names
