"""A small history of two tasks, and building the tables of days over it as build.py does, each time proved by all days."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from pipelines.database.sql_text import statement
from pipelines.transform.build_days import DayBuild
from tests.support.warehouse_builder import NOW, WarehouseBuilder, model, models, utc

BY_DAY = [one for one in models() if one.rebuilt_by]
CHOSEN = [model("day_inputs"), *BY_DAY]
KEYS = {one.key for one in CHOSEN}
# On the evening before, in New York, so that no day of the reporting zone is one of UTC.
ZONE = "America/New_York"


def history() -> WarehouseBuilder:
    """Two tasks with runs and missing runs in July and August, of which one changed its account."""
    house = WarehouseBuilder()
    for task_id in ("t", "u"):
        house.task(task_id, observed_until_at="2026-08-20T04:00:00Z", first_seen_at="2026-06-20T00:00:00Z")
        house.version(task_id, 1, valid_from="2026-06-20T00:00:00Z", account_id="a", artist_account_id="b")
        house.run(f"{task_id}1", task_id, created_at="2026-07-10T03:30:00Z", started_at="2026-07-11T03:30:00Z")
        house.run(f"{task_id}2", task_id, created_at="2026-08-10T09:00:00Z")
        # Two that differ by nothing but their id.
        for run_id in ("3", "4"):
            house.run(task_id + run_id, task_id, created_at="2026-07-25T09:00:00Z", outcome="in_flight")
        house.gap("2026-07-20T09:00:00Z", "2026-08-01T03:00:00Z", task_id=task_id, gap_id=f"g{task_id}")
    house.rows("expected_ticks", {"task_id": "t", "tick_at": "2026-08-20T03:50:00Z", "is_future": False})
    return house


def built_by_day(house: WarehouseBuilder, as_of: datetime = NOW, full: bool = False) -> None:
    """Build the tables of days as build.py does, and demand that building all days gives the same rows."""
    house.con.execute("delete from core.build_context")
    house.rows("build_context", {"as_of_at": as_of, "reporting_timezone": ZONE})
    house.con.execute(statement("build", "reporting_dates"))
    days = DayBuild.begin(house.con, models(), CHOSEN, ZONE, as_of, full)
    house.con.execute(f"create or replace table {CHOSEN[0].relation} as {CHOSEN[0].sql}")
    for one in BY_DAY:
        days.build(one)
        for these, those in ((f"from {one.relation}", f"({one.sql})"), (f"({one.sql})", f"from {one.relation}")):
            assert house.query(f"from ({these} except all {those})") == [], one.relation
    days.end()


instants = st.integers(-40 * 24, 100 * 24).map(lambda hours: utc("2026-06-21T00:17:00") + timedelta(hours=hours))
values: dict[str, st.SearchStrategy[Any]] = {
    "VARCHAR": st.sampled_from([None, "x", "t", "u", "failed", "succeeded", "window", "listing"]),
    "BOOLEAN": st.sampled_from([None, True, False]),
    "INTEGER": st.sampled_from([None, 1, 2]),
    "DECIMAL(38,20)": st.sampled_from([None, 0, 7]),
    "TIMESTAMP WITH TIME ZONE": st.one_of(st.none(), instants),
}
TABLES = ("runs", "tasks", "task_versions", "missing_runs", "coverage_gaps", "expected_ticks")


@st.composite
def updates(draw: st.DrawFn) -> tuple[str, list[Any]]:
    """A row of a core table that comes, goes, or gets another value in any column."""
    table = draw(st.sampled_from(TABLES))
    chosen = f"rowid in (select rowid from core.{table} order by hash(rowid + {draw(st.integers(0, 9))}) limit 1)"
    match draw(st.sampled_from(["delete", "copy", "update", "update", "update"])):
        case "delete":
            return f"delete from core.{table} where {chosen}", []
        case "copy" if table == "runs":
            run_id = draw(st.integers(0, 10**9))
            return f"insert into core.runs select * replace ('c{run_id}' as run_id) from core.runs where {chosen}", []
    columns = [one for one in model(table).columns if one.data_type in values and not one.name.endswith("run_id")]
    column = draw(st.sampled_from(columns))
    return f"update core.{table} set {column.name} = coalesce(?, {column.name}) where {chosen}", [
        draw(values[column.data_type])
    ]
