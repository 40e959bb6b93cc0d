"""Tables of local days and months: making only those again whose inputs changed since the last build, or all of them.

What a day depends on is said in sql/marts/day_inputs.sql; building the other marts belongs to build.py.
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from importlib.metadata import version
from itertools import pairwise

import duckdb

from pipelines.database.connection import Connection
from pipelines.database.sql_text import literal, statement
from pipelines.paths import SQL_DIR
from pipelines.transform.model import Key, Model

INPUTS: Key = ("marts", "day_inputs")
FULL_BUILD_EVERY = timedelta(days=7)
# Another range costs about as much as so many days more in one: versions, inputs and tables are read once for each.
DAYS_WORTH_A_RANGE = 10
Days = dict[date, list[str]]
Range = tuple[date, date]


@dataclass(slots=True)
class DayBuild:
    """What one build makes of the tables of days: `days` are those with changed inputs, with the kinds; None means all."""

    con: Connection
    as_of: datetime
    fingerprint: str
    full_built_at: datetime
    is_by_day: bool
    is_compared: bool
    is_whole: bool
    days: Days | None = None
    differing: int = 0
    _ranges: list[Range] = field(default_factory=list)

    @classmethod
    def begin(
        cls, con: Connection, models: Sequence[Model], chosen: Collection[Model], zone: str, as_of: datetime, full: bool
    ) -> "DayBuild":
        """Keep the inputs of the last build, when its days can be believed. To be called before a mart is built."""
        fingerprint = fingerprint_of(models, zone)
        names = {model.key for model in models if model.rebuilt_by} | {INPUTS}
        found = names & {model.key for model in chosen}
        before = con.execute(
            "select full_built_at from core.day_builds where fingerprint = ?", [fingerprint]
        ).fetchone()
        is_by_day = before is not None and found == names and _exist(con, names)
        full_built_at = before[0] if before and is_by_day else as_of
        is_compared = is_by_day and (full or abs(as_of - full_built_at) >= FULL_BUILD_EVERY)
        if found and not is_by_day:
            con.execute("delete from core.day_builds; delete from core.built_days")
        if is_by_day:
            con.execute("create or replace temp table inputs_before as from marts.day_inputs")
        return cls(con, as_of, fingerprint, full_built_at, is_by_day, is_compared, found == names)

    def build(self, model: Model) -> None:
        """Make the days again that changed, or their months; all of them when nothing tells which."""
        if self.is_by_day and self.days is None:
            self._find_days()
        if self.days is None:
            self._build_all(model)
            return
        ranges = months_of(self._ranges) if model.rebuilt_by == "month" else self._ranges
        for from_date, until_date in ranges:
            with _scope(self.con, from_date, until_date):
                self.con.execute(f"delete from {model.relation} where core.is_in_scope({_place(model)})")  # noqa: S608 - own model
                self.con.execute(f"insert into {model.relation} by name {model.sql}")
        if self.is_compared:
            self.differing += self._compare(model)

    def end(self) -> None:
        """Write what the next build needs to know. To be called in the transaction that wrote the days."""
        if not self.is_whole:
            return
        full_built_at = self.full_built_at if self.days is not None and not self.is_compared else self.as_of
        self.con.execute("delete from core.day_builds")
        self.con.execute(
            "insert into core.day_builds values (?, ?, ?)", [self.fingerprint, full_built_at, self.differing]
        )
        self._note_days()
        self.con.execute("drop table if exists inputs_before; drop table if exists changed_inputs")

    def _build_all(self, model: Model) -> None:
        """Make all days, quarter by quarter: what is not in memory at once is not written to disk and read again."""
        [(first_date, last_date)] = self.con.execute(statement("build", "fleet_days")).fetchall()
        first, *others = quarters_of(first_date, last_date)
        with _scope(self.con, *first):
            self.con.execute(f"create or replace table {model.relation} as {model.sql}")
        for quarter in others:
            with _scope(self.con, *quarter):
                self.con.execute(f"insert into {model.relation} by name {model.sql}")

    def _compare(self, model: Model) -> int:
        """Build all days, and count those that were not the same, row by row, as built day by day."""
        self.con.execute(f"create or replace temp table days_before as {_digests(model)}")
        self._build_all(model)
        row = self.con.execute(
            f"select count(*) from days_before as one full join ({_digests(model)}) as other using (place) "  # noqa: S608
            "where (one.row_count, one.digest) is distinct from (other.row_count, other.digest)"
        ).fetchone()
        self.con.execute("drop table days_before")
        return int(row[0]) if row else 0

    def _find_days(self) -> None:
        self.con.execute(statement("build", "changed_inputs"))
        days: Days = dict(self.con.execute(statement("build", "changed_days")).fetchall())
        ranges = list(ranges_of(sorted(days)))
        covered = sum((until_date - from_date).days for from_date, until_date in ranges)
        known = self.con.execute("select count(*) from core.built_days").fetchone() or (0,)
        if covered * 2 <= known[0] or self.is_compared:
            self.days, self._ranges = days, ranges
        else:
            self.is_by_day = False

    def _note_days(self) -> None:
        if self.days is None:
            self.con.execute("delete from core.built_days")
            self.con.execute(
                "insert into core.built_days select date, ?::timestamptz, ['full'] from marts.fleet_daily",
                [self.as_of],
            )
            return
        for from_date, until_date in self._ranges:
            bounds = [from_date, until_date]
            self.con.execute("delete from core.built_days where date >= ? and date < ?", bounds)
        rows = [
            (day, self.as_of, self.days.get(day, ["between"]))
            for from_date, until_date in self._ranges
            for day in (from_date + timedelta(days=more) for more in range((until_date - from_date).days))
        ]
        if rows:
            self.con.executemany("insert into core.built_days values (?, ?, ?)", rows)


def ranges_of(days: Sequence[date]) -> Iterator[Range]:
    """Yield the ranges that hold all days (in order), each up to, not including, its second day."""
    from_date = last = None
    for day in days:
        if from_date is None or last is None:
            from_date = day
        elif (day - last).days > DAYS_WORTH_A_RANGE:
            yield from_date, last + timedelta(days=1)
            from_date = day
        last = day
    if from_date is not None and last is not None:
        yield from_date, last + timedelta(days=1)


def fingerprint_of(models: Sequence[Model], zone: str) -> str:
    """Return a digest of what every day depends on, beside its inputs."""
    told = [duckdb.__version__, version("recoup-warehouse"), zone, _sql_around()]
    told += [f"{model.relation} {model.sql}" for model in models if not model.is_base]
    # How days are checked too: a night looks at what changed alone, so another check must look at all.
    told += [f"{model.relation} {model.checked_by} {model.checks}" for model in models]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


@lru_cache(maxsize=1)
def _sql_around() -> str:
    files = sorted(
        path for folder in ("macros", "build", "ticks", "tests") for path in (SQL_DIR / folder).glob("*.sql")
    )
    return "\n".join(path.read_text("utf-8") for path in files)


def months_of(ranges: Sequence[Range]) -> Iterator[Range]:
    """Yield the ranges of whole months that hold all days of `ranges` (in order), none twice."""
    months = sorted(
        {
            (from_date + timedelta(days=more)).replace(day=1)
            for from_date, until_date in ranges
            for more in range((until_date - from_date).days)
        }
    )
    for month in months:
        yield month, (month + timedelta(days=31)).replace(day=1)


def quarters_of(first: date, last: date) -> list[Range]:
    """Return the calendar quarters that hold the days from `first` to `last`; the outer ones hold all days beyond."""
    starts = [date(year, month, 1) for year in range(first.year, last.year + 1) for month in (1, 4, 7, 10)]
    within = [start for start in starts if first < start <= last]
    return [*pairwise((date.min, *within, date.max))]


def _place(model: Model) -> str:
    """Name the column that says of which day or month a row is."""
    return "month" if model.rebuilt_by == "month" else "date"


def _digests(model: Model) -> str:
    return (
        f"select {_place(model)} as place, count(*) as row_count, bit_xor(hash(every)) as digest "  # noqa: S608 - own name
        f"from {model.relation} as every group by place"
    )


def _exist(con: Connection, names: Collection[Key]) -> bool:
    found = {
        ("marts", name)
        for name, kind in con.execute(statement("build", "existing_marts")).fetchall()
        if kind == "table"
    }
    return set(names) <= found


@contextmanager
def _scope(con: Connection, from_date: date, until_date: date) -> Iterator[None]:
    """Let the macros of sql/macros/build_scope.sql say which days are built; a rollback puts them back as they were."""
    for macro, day in (("scope_from", from_date), ("scope_until", until_date)):
        con.execute(f"create or replace macro core.{macro}() as {literal(day)}::date")
    yield
    con.execute(statement("macros", "build_scope"))
