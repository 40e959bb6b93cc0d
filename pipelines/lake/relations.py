"""What the published copy holds, as the lake is to hold it: tables, views, macros, and by which day a table is cut.

Comparing them with what the lake holds, and writing, belong to update.py.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass

import duckdb

from pipelines.database.connection import Connection
from pipelines.database.sql_text import identifier, literal, statement

PUBLISHED = "published"
DAY, INSTANT = "DATE", "TIMESTAMP WITH TIME ZONE"
RUN_ID = "run_id"


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view. `view_sql` is empty for a table; `columns` are name, type and comment."""

    schema: str
    name: str
    comment: str
    columns: tuple[tuple[str, str, str], ...]
    view_sql: str = ""

    @property
    def key(self) -> str:
        """The name as people write it."""
        return f"{self.schema}.{self.name}"

    @property
    def kind(self) -> str:
        """What it is in SQL."""
        return "view" if self.view_sql else "table"

    @property
    def definition(self) -> str:
        """A digest of all but the rows. Of DuckDB's version, too, which the digests of rows hang on."""
        told = repr((duckdb.__version__, self.comment, self.columns, self.view_sql))
        return hashlib.sha256(told.encode()).hexdigest()

    @property
    def day_column(self) -> str | None:
        """The first date of a row, else the first instant. Any would be right; these seldom change."""
        for data_type in (DAY, INSTANT):
            for name, found, _ in self.columns:
                if found == data_type:
                    return name
        return None

    @property
    def borrows_its_day(self) -> bool:
        """True when rows stand on the day of their run, since they have no time of their own."""
        return self.day_column is None and any(name == RUN_ID for name, _, _ in self.columns)

    def day(self, catalog: str) -> str:
        """SQL of the day on which a row (of `every`) stands; null for all of a table without days."""
        if self.day_column is not None:
            return f"every.{identifier(self.day_column)}::date"
        if self.borrows_its_day:
            runs = f"select any_value(runs.created_date) from {catalog}.core.runs as runs"  # noqa: S608 - our own names
            return f"({runs} where runs.run_id = every.run_id)"
        return "null::date"

    def create(self, catalog: str) -> list[str]:
        """SQL that makes the empty table with its comments."""
        place = f"{catalog}.{self.key}"
        columns = ", ".join(f"{identifier(name)} {data_type}" for name, data_type, _ in self.columns)
        comments = [
            f"comment on column {place}.{identifier(name)} is {literal(comment)}"
            for name, _, comment in self.columns
            if comment
        ]
        return [f"create table {place} ({columns})", *self.comment_on(catalog), *comments]

    def comment_on(self, catalog: str) -> list[str]:
        """SQL that comments the table or view, where there is something to say."""
        return [f"comment on {self.kind} {catalog}.{self.key} is {literal(self.comment)}"] if self.comment else []


def published_relations(con: Connection) -> list[Relation]:
    """List tables and views of the published copy, which is open; those that borrow their day come first."""
    columns = defaultdict(list)
    for schema, table, *column in con.execute(statement("lake", "published_columns")).fetchall():
        columns[schema, table].append((column[0], column[1], column[2] or ""))
    found = [
        Relation(schema, name, comment or "", tuple(columns[schema, name]), sql or "")
        for schema, name, _, comment, sql in con.execute(statement("lake", "published_relations")).fetchall()
    ]
    return sorted(found, key=lambda relation: (bool(relation.view_sql), not relation.borrows_its_day))


def published_macros(con: Connection) -> dict[str, str]:
    """Return what makes each macro of the published copy, which is open."""
    return {
        f"{schema}.{name}": text for schema, name, text in con.execute(statement("lake", "published_macros")).fetchall()
    }
