"""The core schema as a database: tables, seeds and macros, made from `sql/` and compared with what is there.

Rows and marts do not belong here. A changed schema is a rebuild, not a migration.
"""

from collections import Counter
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb

from pipelines.database.connection import Connection
from pipelines.database.sql_text import literal
from pipelines.errors import BadModel
from pipelines.paths import SQL_DIR

Columns = dict[str, tuple[tuple[str, str], ...]]
# A macro that says by which DDL the database was made: so many statements cost a small poll a tenth of its time.
APPLIED = "core.applied_ddl"


def apply_core(con: Connection, sql_dir: Path = SQL_DIR) -> None:
    """Create schemas, core tables, seeds and macros where they are missing. Cheap when nothing changed.

    Raises BadModel when a core table has other columns than its DDL says.
    """
    if _applied(con) != _digest(sql_dir):
        for statement in _statements(sql_dir):
            con.execute(statement)
        _refuse_other_columns(core_columns(con), expected_columns(sql_dir))
        # Last, so that whatever ends this halfway, or finds a table of another version, is met again.
        con.execute(f"create or replace macro {APPLIED}() as {literal(_digest(sql_dir))}")
    for seed in sorted((sql_dir / "seeds").glob("*.csv")):
        _apply_seed(con, seed, expected_columns(sql_dir))


def core_columns(con: Connection) -> Columns:
    """Return name and type of each column of each core table, in order."""
    rows = con.execute(
        "select table_name, column_name, data_type from duckdb_columns() where schema_name = 'core' "
        "and database_name = current_database() order by table_name, column_index"
    ).fetchall()
    tables: dict[str, list[tuple[str, str]]] = {}
    for table, column, data_type in rows:
        tables.setdefault(table, []).append((column, data_type))
    return {table: tuple(columns) for table, columns in tables.items()}


@lru_cache(maxsize=4)
def expected_columns(sql_dir: Path = SQL_DIR) -> Columns:
    """Return what `core_columns` says of a warehouse just made from `sql_dir`."""
    with duckdb.connect() as con:
        for statement in _statements(sql_dir):
            con.execute(statement)
        return core_columns(con)


def _applied(con: Connection) -> str | None:
    """Return which DDL made this database; None when it was not made to the end."""
    try:
        [(digest,)] = con.execute(f"select {APPLIED}()").fetchall()
    except duckdb.CatalogException:
        return None
    return str(digest)


@lru_cache(maxsize=4)
def _digest(sql_dir: Path) -> str:
    return sha256("\n".join(_statements(sql_dir)).encode()).hexdigest()


@lru_cache(maxsize=4)
def _statements(sql_dir: Path) -> tuple[str, ...]:
    files = (*sorted((sql_dir / "core").glob("*.sql")), *sorted((sql_dir / "macros").glob("*.sql")))
    schemas = "create schema if not exists core; create schema if not exists marts"
    return (schemas, *(path.read_text("utf-8") for path in files))


def _refuse_other_columns(found: Columns, expected: Columns) -> None:
    for table, columns in expected.items():
        if found.get(table) != columns:
            names = sorted({name for name, _ in set(columns) ^ set(found.get(table, ()))})
            raise BadModel(
                f"core.{table} of this warehouse is of another version: it differs in {', '.join(names)}. "
                "Run `recoup-warehouse rebuild`, which makes every table again from the archive"
            )


def _apply_seed(con: Connection, seed: Path, columns: Columns) -> None:
    table = f"core.{seed.stem}"
    types = columns.get(seed.stem)
    if types is None:
        raise BadModel(f"{seed} has no table: add sql/core/NN_{seed.stem}.sql with its columns")
    if Counter(con.execute(f"from {table}").fetchall()) != Counter(_seed_rows(seed, seed.read_bytes(), types)):
        con.execute(f"delete from {table}; insert into {table} {_seed_source(seed, types)}")  # noqa: S608 - own table


@lru_cache(maxsize=16)
def _seed_rows(seed: Path, _content: bytes, types: tuple[tuple[str, str], ...]) -> list[tuple[Any, ...]]:
    """Read a seed; once for each content, since DuckDB's reader costs more than all else that is applied."""
    with duckdb.connect() as con:
        return con.execute(_seed_source(seed, types)).fetchall()


def _seed_source(seed: Path, types: tuple[tuple[str, str], ...]) -> str:
    structure = ", ".join(f"{literal(name)}: {literal(data_type)}" for name, data_type in types)
    return f"(from read_csv({literal(seed)}, header = true, columns = {{{structure}}}))"
