"""A small history, published again and again in one database in memory: what is attached as `published` is the copy."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from pipelines.database.connection import Connection
from pipelines.database.sql_text import statement
from pipelines.restatements.compare import restate, write_publish
from pipelines.transform.build_days import DayBuild
from pipelines.transform.model import Model
from tests.support.day_history import CHOSEN
from tests.support.warehouse_builder import NOW, WarehouseBuilder

# What a comparison reads of a copy.
READ = (
    "core.publishes", "core.built_days", "core.day_builds", "core.polls", "core.runs", "core.missing_runs",
    "core.listed_runs", "marts.task_day_facts",
)  # fmt: skip
AUGUST_10, AUGUST_11 = date(2026, 8, 10), date(2026, 8, 11)
Numbers = dict[tuple[date, str | None, str], Decimal]
# Date, task, measure, before, after, cause, change, runs or ticks.
Restatement = tuple[date, str | None, str, Decimal, Decimal, str, Decimal, int]

NUMBERS = """
select date, task_id, unnest(['runs', 'failed', 'cents', 'missing']), unnest([
    sum(run_count)::decimal(38, 20), sum(failed_count), coalesce(sum(total_cents), 0), sum(runs_missing_count)
])
from marts.task_day_facts group by date, task_id
"""
BETWEEN = """
select date, task_id, measure, sum(change_value) from core.restatements
where publish_number > $one and publish_number <= $other
    and date < (select closed_until from core.publishes where publish_number = $one)
group by all
"""


def told() -> WarehouseBuilder:
    """Two tasks, the runs of two days, one that is missing on each; published once, by poll p1."""
    house = WarehouseBuilder()
    for task_id in ("t", "u"):
        house.task(task_id, observed_until_at="2026-08-20T04:00:00Z", last_poll_id="p1")
        house.version(task_id, valid_from="2026-06-20T00:00:00Z")
        house.run(f"{task_id}1", task_id, created_at="2026-08-10T02:00:00Z", first_poll_id="p1")
        house.run(f"{task_id}2", task_id, created_at="2026-08-10T09:00:00Z", first_poll_id="p1", outcome="in_flight")
        house.run(f"{task_id}3", task_id, created_at="2026-08-11T09:00:00Z", first_poll_id="p1", outcome="failed")
        house.gap("2026-08-10T03:00:00Z", "2026-08-11T03:00:00Z", task_id=task_id, gap_id=f"g{task_id}")
    house.con.execute("attach ':memory:' as published; create schema published.core; create schema published.marts")
    publish(house, NOW)
    flip(house)
    return house


def publish(
    house: WarehouseBuilder,
    at: datetime,
    *,
    zone: str = "UTC",
    program: str = "1",
    sql_digest: str = "a",
    models: Sequence[Model] = CHOSEN,
) -> list[Restatement]:
    """Build the days as build.py does, compare them with the copy, and return what is told otherwise."""
    con = house.con
    con.execute("delete from core.build_context")
    house.rows("build_context", {"as_of_at": at, "reporting_timezone": zone})
    con.execute(statement("build", "reporting_dates"))
    days = DayBuild.begin(con, models, models, zone, at, False)
    con.execute(f"create or replace table {models[0].relation} as {models[0].sql}")
    for one in models[1:]:
        days.build(one)
    days.end()
    row = {"published_at": at, "snapshot_number": 1, "program": program, "sql_digest": sql_digest}
    copied = house.query("select 1 from duckdb_tables() where database_name = 'published'")
    before = house.query("select max(publish_number) from published.core.publishes")[0][0] if copied else None
    write_publish(con, row, before)
    if copied:
        restate(con)
    return restated(house)


def flip(house: WarehouseBuilder) -> None:
    """Let what was built be the copy. Not in a transaction, which may write to one database only."""
    for table in READ:
        house.con.execute(f"create or replace table published.{table} as from {table}")


def restated(house: WarehouseBuilder) -> list[Restatement]:
    """Return what the newest publish tells otherwise."""
    return house.query(
        "select * exclude (publish_number, published_at) from core.restatements "
        "where publish_number = (select max(publish_number) from core.publishes) order by all"
    )


def polled(house: WarehouseBuilder, change: str, poll_id: str = "p2") -> None:
    """Let a poll bring a change."""
    house.poll(poll_id)
    house.con.execute(change)


def told_numbers(con: Connection) -> Numbers:
    """Return every number of every day that is not 0."""
    return {(day, task_id, measure): value for day, task_id, measure, value in con.execute(NUMBERS).fetchall() if value}


def prove_between(con: Connection, copies: dict[int, Numbers], one: int, other: int) -> None:
    """Demand that what one copy tells of its ended days, and the changes up to another, give what that one tells."""
    found = con.execute(BETWEEN, {"one": one, "other": other}).fetchall()
    changes = {(day, task_id, measure): change for day, task_id, measure, change in found}
    row = con.execute("select closed_until from core.publishes where publish_number = ?", [one]).fetchone()
    for key in {*copies[one], *copies[other], *changes}:
        before, after = (copies[each].get(key, Decimal()) for each in (one, other))
        assert row
        assert key[0] >= row[0] or after - before == changes.get(key, 0), (one, other, key)
