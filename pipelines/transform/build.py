"""Building the marts in the work file: the clock row, each mart in dependency order, and the comments.

What a mart says belongs to `sql/marts`; loading core, checking and publishing belong to other modules.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from time import perf_counter

import duckdb

from pipelines.database.connection import Connection
from pipelines.database.core_schema import apply_core
from pipelines.database.sql_text import identifier, literal, statement
from pipelines.errors import BadModel
from pipelines.progress import Progress
from pipelines.transform.build_days import DayBuild, Days
from pipelines.transform.comments import apply_comments
from pipelines.transform.expected_ticks import fill_expected
from pipelines.transform.model import Key, Model


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build made: rows of each table, seconds of each mart, and the days built again with what had changed."""

    as_of: datetime
    row_counts: dict[Key, int] = field(default_factory=dict)
    seconds: dict[Key, float] = field(default_factory=dict)
    days: Days = field(default_factory=dict)


def build(
    con: Connection,
    *,
    models: Sequence[Model],
    as_of: datetime,
    reporting_timezone: str,
    only: Collection[Key] | None = None,
    full: bool = False,
    progress: Progress | None = None,
) -> BuildReport:
    """Build all marts (or those named in `only`) in one transaction, as if now were `as_of`.

    Tables of days are built where their inputs changed; with `full`, and once a week, all days are, and compared.

    Raises BadModel, and keeps all as it was, when the SQL of a mart fails.
    """
    apply_core(con)
    chosen = [model for model in models if not model.is_base and (only is None or model.key in only)]
    report = BuildReport(as_of)
    # What this transaction wrote has no statistics yet, and an ASOF join of "no rows" is planned as a loop over all days.
    con.execute("set asof_loop_join_threshold = 0")
    with _transaction(con):
        con.execute(statement("build", "seen_again"))
        _write_context(con, as_of, reporting_timezone)
        _drop_misfits(con, models, chosen if only is not None else None)
        days = DayBuild.begin(con, models, chosen, reporting_timezone, as_of, full)
        _write_dates(con, reporting_timezone, is_renewed=full or days.is_compared)
        fill_expected(con, as_of=as_of, reporting_timezone=reporting_timezone)
        with _constant_now(con, as_of):
            for done, model in enumerate(chosen):
                if progress:
                    progress(model.relation, done, len(chosen))
                started = perf_counter()
                _build_model(con, model, days)
                report.seconds[model.key] = perf_counter() - started
        days.end()
        report.row_counts.update(_count_tables(con, chosen))
        report.days.update(days.days or {})
        apply_comments(con, models)
    if progress:
        progress("marts", len(chosen), len(chosen))
    return report


@contextmanager
def _transaction(con: Connection) -> Iterator[None]:
    con.execute("begin")
    try:
        yield
    except BaseException:
        con.execute("rollback")
        raise
    con.execute("commit")


def _write_context(con: Connection, as_of: datetime, reporting_timezone: str) -> None:
    context = {"as_of": as_of, "reporting_timezone": reporting_timezone, "version": version("recoup-warehouse")}
    con.execute("delete from core.build_context")
    con.execute(statement("build", "build_context"), context)


@contextmanager
def _constant_now(con: Connection, as_of: datetime) -> Iterator[None]:
    """Let sql/macros/as_of.sql give a constant while marts are built; a rollback puts it back as it was."""
    con.execute(f"create or replace macro core.as_of() as {literal(as_of)}")
    yield
    # What is published has the same macros as the day before: where one differs, the lake makes all of its views again.
    con.execute(statement("macros", "as_of"))


def _write_dates(con: Connection, reporting_timezone: str, *, is_renewed: bool) -> None:
    if is_renewed:
        con.execute(statement("macros", "dated_in"))  # no date is believed
    con.execute(statement("build", "reporting_dates"))
    if con.execute("select core.dated_in()").fetchone() != (reporting_timezone,):
        con.execute(f"create or replace macro core.dated_in() as {literal(reporting_timezone)}")


def _build_model(con: Connection, model: Model, days: DayBuild) -> None:
    try:
        if model.rebuilt_by:
            days.build(model)
        else:
            con.execute(f"create or replace {_kind(model)} {model.relation} as {model.sql}")
    except duckdb.Error as error:
        raise BadModel(
            f"{model.path} failed while it was built: {error}. Nothing was changed; correct the SQL and build again"
        ) from error


def _count_tables(con: Connection, chosen: Sequence[Model]) -> dict[Key, int]:
    """Count the rows of the tables; those of a view would have to be made first."""
    tables = [model for model in chosen if _kind(model) == "table"]
    if not tables:
        return {}
    counts = ", ".join(f"(select count(*) from {model.relation})" for model in tables)  # noqa: S608 - own names
    return dict(zip((model.key for model in tables), con.execute(f"select {counts}").fetchone() or (), strict=True))


def _kind(model: Model) -> str:
    return "view" if model.materialized == "view" else "table"


def _marts(con: Connection) -> dict[str, str]:
    return dict(con.execute(statement("build", "existing_marts")).fetchall())


def _drop_misfits(con: Connection, models: Sequence[Model], chosen: Sequence[Model] | None) -> None:
    """Drop marts that became a view or a table (of those chosen), and without a choice also those without a model."""
    wanted = {model.name: _kind(model) for model in (models if chosen is None else chosen) if not model.is_base}
    for name, kind in _marts(con).items():
        if kind != wanted.get(name, kind if chosen is not None else None):
            con.execute(f"drop {kind} marts.{identifier(name)}")
