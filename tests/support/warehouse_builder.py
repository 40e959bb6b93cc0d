"""Builders of small warehouses: core tables with a few rows, every field of which a test may override.

Tests of loading do not use this; they go through the real archive.
"""

import json
from collections.abc import Collection
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, Self

import duckdb

from pipelines.database.core_schema import apply_core
from pipelines.transform.build import BuildReport, build
from pipelines.transform.checks import CheckResult, run_checks
from pipelines.transform.load_models import load_models
from pipelines.transform.model import Model
from tests.support.core_rows import AS_OF, insert_first_versions, insert_rows

NOW = datetime.fromisoformat(AS_OF)


@cache
def models() -> tuple[Model, ...]:
    """The real models, read once for all tests."""
    return load_models()


def model(name: str) -> Model:
    """One real model by its table name."""
    return next(candidate for candidate in models() if candidate.name == name)


def core_database() -> duckdb.DuckDBPyConnection:
    """A new database in memory with empty core tables, in UTC."""
    con = duckdb.connect(config={"threads": 1})
    con.execute("set timezone = 'UTC'")
    apply_core(con)
    return con


class WarehouseBuilder:
    """A warehouse in memory. Each adding method takes any column of its table and returns the builder."""

    def __init__(self) -> None:
        self.con = core_database()
        self.poll()

    def poll(self, poll_id: str = "p1", **fields: Any) -> Self:
        """Add a poll; succeeded and an hour old unless told otherwise."""
        default = {"started_at": "2026-08-20T11:00:00Z", "finished_at": "2026-08-20T11:00:01Z", "source": "test"}
        return self._add("polls", {"poll_id": poll_id} | default | fields)

    def task(self, task_id: str = "t", **fields: Any) -> Self:
        """Add a task, enabled and observed since January unless told otherwise."""
        return self._add("tasks", {"task_id": task_id} | fields)

    def version(self, task_id: str = "t", version_number: int = 1, **fields: Any) -> Self:
        """Add a version of a task; a task without any gets its first one when the marts are built."""
        return self._add("task_versions", {"task_id": task_id, "version_number": version_number} | fields)

    def run(self, run_id: str, task_id: str | None = "t", **fields: Any) -> Self:
        """Add a run; it succeeded and cost 0.0425 cents unless told otherwise."""
        default = {"compute_cents": "0.04", "invocation_cents": "0.0025", "created_at": "2026-08-19T09:00:00Z"}
        return self._add("runs", {"run_id": run_id, "task_id": task_id} | default | fields)

    def gap(self, *ticks: str | datetime, task_id: str = "t", gap_id: str = "g", **fields: Any) -> Self:
        """Add a hole and the ticks that are missing in it."""
        default = {
            "from_at": "2026-01-02T00:00:00Z",
            "to_at": "2026-08-20T11:00:00Z",
            "runs_missing_count": len(ticks),
            "detected_poll_id": "p1",
        }
        self._add("coverage_gaps", {"task_id": task_id, "gap_id": gap_id} | default | fields)
        for tick in ticks:
            self._add("missing_runs", {"task_id": task_id, "gap_id": gap_id, "tick_at": tick})
        return self

    def tick(self, tick_at: str, task_id: str = "t", **fields: Any) -> Self:
        """Add an announced tick."""
        return self._add("upcoming_ticks", {"task_id": task_id, "tick_at": tick_at} | fields)

    def rows(self, table: str, *rows: dict[str, Any]) -> Self:
        """Add rows to any other core table."""
        return self._add(table, *rows)

    def build(self, as_of: datetime = NOW, reporting_timezone: str = "UTC", **options: Any) -> BuildReport:
        """Build the real marts."""
        insert_first_versions(self.con)
        settings: dict[str, Any] = {"models": models()} | options
        return build(self.con, as_of=as_of, reporting_timezone=reporting_timezone, **settings)

    def freeze(self, relation: str) -> None:
        """Make a table of a view, so that a test can corrupt what it says."""
        schema, name = relation.split(".")
        if self.con.execute("from duckdb_views() where (schema_name, view_name) = (?, ?)", [schema, name]).fetchone():
            self.con.execute(
                f"create table {schema}.frozen as from {relation}; drop view {relation}; "
                f"alter table {schema}.frozen rename to {name}"
            )

    def failing_checks(self, *relations: str, days: Collection[date] | None = None) -> dict[str, CheckResult]:
        """Run all checks (or those of the named tables, or over `days`): those that failed, by `schema.table.name`."""
        only = {(schema, table) for schema, table in (relation.split(".") for relation in relations)}
        results = run_checks(self.con, models(), only=only or None, days=days)
        return {".".join((*result.asset, result.name)): result for result in results if not result.passed}

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask the warehouse."""
        return self.con.execute(sql, list(parameters)).fetchall()

    def _add(self, table: str, *rows: dict[str, Any]) -> Self:
        insert_rows(self.con, table, rows)
        return self


def utc(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def built(house: WarehouseBuilder, *names: str, **options: Any) -> WarehouseBuilder:
    """Build only these marts and those under them."""
    wanted: set[tuple[str, str]] = set()
    queue = [model(name) for name in names]
    while queue:
        one = queue.pop()
        wanted.add(one.key)
        queue += [model(name) for schema, name in one.depends_on if schema == "marts"]
    house.build(only=wanted, **options)
    return house


def add_runs(house: WarehouseBuilder, runs: list[dict[str, Any]]) -> None:
    """Add many runs by one statement: those of the builder take a while each."""
    known = {"outcome": "succeeded", "is_test": False, "compute_cents": "0.04", "task_id": "t"}
    rows = [known | run | {"run_id": f"r{number}"} for number, run in enumerate(runs)]
    types = dict(house.query("select column_name, data_type from duckdb_columns() where table_name = 'runs'"))
    names = [name for name in rows[0] if name in types]
    cells = ", ".join(f"many.row.{name}::{types[name]} as {name}" for name in names)
    structure = json.dumps([dict.fromkeys(names, "VARCHAR")])
    house.run("model", created_at="2026-01-01T00:00:00Z", details_observed_at="2026-08-20T12:00:00Z")
    house.con.execute(
        f"insert into core.runs select model.* replace ({cells}, statuses.status as status, "
        "statuses.is_final as is_final, "
        "many.row.compute_cents::decimal(38, 20) + model.invocation_cents as total_cents) "
        "from core.runs as model, (select unnest(from_json($rows, $structure)) as row) as many "
        "inner join (select outcome, min(status) as status, any_value(is_final) as is_final from core.statuses "
        "group by outcome) as statuses on statuses.outcome = many.row.outcome where model.run_id = 'model'",
        {"rows": json.dumps(rows, default=str), "structure": structure},
    )
    house.con.execute("delete from core.runs where run_id = 'model'")
