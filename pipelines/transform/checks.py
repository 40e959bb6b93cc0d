"""The checks that stand before publishing: those of each .yml, those of `sql/tests`, and the one on completeness.

Plain Python and SQL; how Dagster shows them belongs to its own module. Results hold keys of failing rows, never texts.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path

from pipelines.database.connection import Connection
from pipelines.database.sql_text import literal, rows
from pipelines.errors import BadModel
from pipelines.paths import SQL_DIR
from pipelines.transform.check_queries import (
    check_name,
    complete_over_a_hole,
    describe,
    failing_rows,
    looked_at,
    other_rows,
    predicate,
)
from pipelines.transform.model import Key, Model, Severity

SAMPLE_SIZE = 5
SAFE_ENDINGS = ("_id", "_at", "_number", "_count", "_cents", "date")


@dataclass(frozen=True, slots=True)
class PlannedCheck:
    """One check before it runs. `condition` is set when it can be answered row by row, in one scan with others."""

    name: str
    asset: Key
    severity: Severity
    description: str
    sql: str
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found. `sample` shows keys of a few failing rows."""

    name: str
    asset: Key
    severity: Severity
    passed: bool
    failing_count: int
    description: str
    sample: tuple[dict[str, str], ...] = ()

    @property
    def blocks(self) -> bool:
        """True when nothing may be published."""
        return not self.passed and self.severity == "error"


def plan_checks(
    models: Sequence[Model], tests_dir: Path = SQL_DIR / "tests", *, is_whole: bool = True
) -> tuple[PlannedCheck, ...]:
    """List all checks, grouped by table, without running any. Raises BadModel for a test file of another form."""
    known = {model.key for model in models}
    planned = [check for model in models for check in _of_model(model, is_whole)]
    planned += [_of_file(path, known) for path in sorted(tests_dir.glob("*.sql"))]
    seen: set[tuple[Key, str]] = set()
    for check in planned:
        if (check.asset, check.name) in seen:
            raise BadModel(f"{'.'.join(check.asset)} has two checks called {check.name}: give one another `name`")
        seen.add((check.asset, check.name))
    return tuple(sorted(planned, key=lambda check: check.asset))


def run_checks(
    con: Connection,
    models: Sequence[Model],
    tests_dir: Path = SQL_DIR / "tests",
    *,
    only: Collection[Key] | None = None,
    days: Collection[date] | None = None,
) -> list[CheckResult]:
    """Run all checks (or those of the tables in `only`) whose table exists, and return one result each.

    With `days`, of the tables that say `checked_by` only the rows of those days are looked at.
    """
    with _looking_at(con, days):
        return _run(con, models, tests_dir, only, is_whole=days is None)


def read_views(con: Connection, models: Sequence[Model], days: Collection[date] | None) -> None:
    """Read every value of every view, with `days` of those days. Raises duckdb.Error when one cannot be read.

    A view can fail although its tables are sound: by what it computes of a row.
    """
    with _looking_at(con, days):
        for view in (model for model in models if model.materialized == "view"):
            among = looked_at(view, days is None)
            con.execute(f"select bit_xor(hash(every)) from {view.relation} as every where {among}")  # noqa: S608


@contextmanager
def _looking_at(con: Connection, days: Collection[date] | None) -> Iterator[None]:
    if days is not None:
        months = {day.replace(day=1) for day in days}
        con.execute(f"set variable checked_days = {literal(sorted(days))}::date[]")
        con.execute(f"set variable checked_months = {literal(sorted(months))}::date[]")
    try:
        yield
    finally:
        con.execute("reset variable checked_days; reset variable checked_months")


def _run(
    con: Connection, models: Sequence[Model], tests_dir: Path, only: Collection[Key] | None, *, is_whole: bool
) -> list[CheckResult]:
    existing = set(
        con.execute(
            "select table_schema, table_name from information_schema.tables where table_catalog = current_database()"
        ).fetchall()
    )
    results: list[CheckResult] = []
    among = {model.key: looked_at(model, is_whole) for model in models}
    for asset, checks in groupby(plan_checks(models, tests_dir, is_whole=is_whole), key=lambda check: check.asset):
        if asset in existing and (only is None or asset in only):
            results += _run_table(con, asset, list(checks), among[asset])
    return results


def _of_model(model: Model, is_whole: bool) -> Iterator[PlannedCheck]:
    for check in model.checks:
        yield PlannedCheck(
            check_name(check),
            model.key,
            check.severity,
            describe(check),
            failing_rows(model, check, is_whole),
            predicate(check),
        )
    sql = complete_over_a_hole(model)
    if sql is not None:
        meaning = "A failing row calls itself complete although core.missing_runs has an unrecovered run in it"
        yield PlannedCheck("complete_over_a_hole", model.key, "error", meaning, sql)
    sql = other_rows(model, is_whole)
    if sql is not None:
        meaning = f"A failing row tells what the view shows, and {'.'.join(model.rows_of or ())} does not hold"
        yield PlannedCheck("rows_are_others", model.key, "error", meaning, sql)


def _of_file(path: Path, known: set[Key]) -> PlannedCheck:
    text = path.read_text("utf-8")
    header = [line.removeprefix("--").strip() for line in text.splitlines() if line.startswith("--")]
    told = dict(line.split(":", 1) for line in header if line.startswith(("asset:", "severity:")))
    schema, _, table = told.get("asset", "").strip().partition(".")
    severity = told.get("severity", "").strip()
    meaning = " ".join(line for line in header if not line.startswith(("asset:", "severity:")))
    if (schema, table) not in known or not meaning.startswith("A failing row"):
        raise BadModel(
            f"{path} must begin with `-- asset: schema.table` of a known table, `-- severity: error` or `warn`, "
            "and a sentence `-- A failing row ...`"
        )
    if severity not in ("error", "warn"):
        raise BadModel(f"{path}: severity is error (blocks publishing) or warn, not {severity!r}")
    sql = text.strip().removesuffix(";")
    return PlannedCheck(path.stem, (schema, table), "warn" if severity == "warn" else "error", meaning, sql)


def _run_table(con: Connection, asset: Key, checks: list[PlannedCheck], among: str) -> list[CheckResult]:
    """Answer all row-by-row checks of a table in one scan; only those that fail are asked for samples."""
    by_row = [check for check in checks if check.condition is not None]
    counts: dict[str, int] = {}
    if by_row:
        filters = ", ".join(f"count(*) filter ({check.condition})" for check in by_row)
        found = con.execute(f"select {filters} from {'.'.join(asset)} where {among}").fetchone() or ()  # noqa: S608 - own files
        counts = {check.name: int(count) for check, count in zip(by_row, found, strict=True)}
    return [_result(con, check, counts.get(check.name)) for check in checks]


def _result(con: Connection, check: PlannedCheck, failing_count: int | None) -> CheckResult:
    # A comment may end the statement, hence the line break before the bracket.
    failing = f"from ({check.sql}\n) as failing"
    if failing_count is None:
        # Counted first, and alone: DuckDB then reads no column that only the sample would show.
        (failing_count,) = con.execute(f"select count(*) {failing}").fetchone() or (0,)
    sample: tuple[dict[str, str], ...] = ()
    if failing_count:
        sample = tuple(map(_safe, rows(con.execute(f"select * {failing} limit {SAMPLE_SIZE}"))))
    return CheckResult(
        check.name, check.asset, check.severity, failing_count == 0, failing_count, check.description, sample
    )


def _safe(row: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in row.items() if name.endswith(SAFE_ENDINGS)}
