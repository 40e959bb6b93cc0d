"""The rows of tables in the lake: a digest of each day tells which days are written again; the others stay untouched."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from pipelines.database.connection import Connection
from pipelines.database.sql_text import identifier, literal, statement
from pipelines.lake.connection import LAKE
from pipelines.lake.relations import PUBLISHED, Relation

# A text, since Python has no date `infinity`. None: rows without a day, and all rows of a table without days.
Day = str | None
PLAIN = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class DifferingDay:
    """A day that copy and lake hold differently; `is_all_of_...`: such days are all that this side has."""

    relation: str
    day: Day
    is_in_copy: bool
    is_in_lake: bool
    is_all_of_copy: bool
    is_all_of_lake: bool


def write_days(con: Connection, tables: Sequence[Relation]) -> dict[str, list[Day]]:
    """Replace the days that differ from the published copy, and their digests, inside the caller's transaction.

    `tables` are written in their order; those that borrow their day from core.runs must come before it.
    """
    con.execute(statement("lake", "digests"))
    for table in tables:
        con.execute(_digests(table))
    found = [DifferingDay(*row) for row in con.execute(statement("lake", "differing_days")).fetchall()]
    differing = {name: list(days) for name, days in groupby(found, attrgetter("relation"))}
    for table in tables:
        if table.key in differing:
            _replace(con, table, differing[table.key])
    if differing:
        con.execute(statement("lake", "remember_digests"))
    return {name: [one.day for one in days] for name, days in differing.items()}


def _digests(table: Relation) -> str:
    # A sum of the rows' hashes: unlike an xor, it also sees a pair of equal rows.
    return (
        f"insert into digests_of_copy select {literal(table.key)}, {table.day(PUBLISHED)} as day, count(*), "  # noqa: S608
        f"sum(hash(every)::hugeint)::varchar from {PUBLISHED}.{table.key} as every group by day"
    )


def _replace(con: Connection, table: Relation, differing: Sequence[DifferingDay]) -> None:
    if gone := [one.day for one in differing if one.is_in_lake]:
        condition = "true" if differing[0].is_all_of_lake else _on(table, LAKE, gone)
        con.execute(f"delete from {LAKE}.{table.key} as every where {condition}")  # noqa: S608 - our own names
    if come := [one.day for one in differing if one.is_in_copy]:
        condition = "true" if differing[0].is_all_of_copy else _on(table, PUBLISHED, come)
        rows = f"select * from {PUBLISHED}.{table.key} as every where {condition}"  # noqa: S608 - our own names
        con.execute(f"insert into {LAKE}.{table.key} {rows}")


def _on(table: Relation, catalog: str, days: Collection[Day]) -> str:
    """SQL that holds for the rows of these days."""
    conditions = [f"{table.day(catalog)} is null"] if None in days else []
    dated = sorted(day for day in days if day is not None)
    if dated:
        listed = ", ".join(f"date '{day}'" for day in dated)
        conditions.append(f"{_between(table, dated)} and {table.day(catalog)} in ({listed})")
    return " or ".join(conditions)


def _between(table: Relation, days: Sequence[str]) -> str:
    """SQL by which whole files of the lake are left out unread."""
    if table.day_column is None or not all(map(PLAIN.fullmatch, days)):
        return "true"
    column = f"every.{identifier(table.day_column)}"
    return f"{column} >= date '{days[0]}' and {column} < date '{days[-1]}' + 1"
