"""The choice of the next poll: from cron gaps, run durations and failures, in a real core schema.

How Dagster is asked for the run is tested in test_definitions.py.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.database.core_schema import apply_core
from pipelines.paths import Layout
from pipelines.schedule import poll_interval
from pipelines.schedule.poll_interval import Cadence
from pipelines.settings import Settings

NOON = datetime(2026, 8, 20, 12, tzinfo=UTC)
HOUR = 3600
SETTINGS = Settings(_env_file=None, poll_interval_min_seconds=300, poll_interval_max_seconds=21_600)


@pytest.fixture(scope="module")
def core() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'")
        apply_core(con)
        yield con


@pytest.fixture
def con(core: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    core.execute("begin")
    yield core
    core.execute("rollback")


def insert(con: duckdb.DuckDBPyConnection, table: str, **values: Any) -> None:
    """Insert a row, filling what must not be null and is not given with a neutral value of its type."""
    neutral = {"VARCHAR": "", "BOOLEAN": False, "INTEGER": 0, "BIGINT": 0, "JSON": "{}", "VARCHAR[]": []}
    columns = con.execute(
        "select column_name, data_type from duckdb_columns() "
        "where schema_name = 'core' and table_name = ? and not is_nullable",
        [table],
    ).fetchall()
    row = {name: neutral.get(data_type, NOON) for name, data_type in columns} | values
    marks = ", ".join("?" for _ in row)
    con.execute(f"insert into core.{table} ({', '.join(row)}) values ({marks})", list(row.values()))


def add_task(con: duckdb.DuckDBPyConnection, task_id: str, schedule: str, **more: Any) -> None:
    insert(con, "tasks", **{"task_id": task_id, "schedule": schedule, "is_enabled": True} | more)


def add_run(con: duckdb.DuckDBPyConnection, task_id: str, seconds: float, created_at: datetime = NOON) -> None:
    finished_at = created_at + timedelta(seconds=seconds)
    insert(con, "runs", run_id=f"run_{seconds}", task_id=task_id, created_at=created_at, finished_at=finished_at)


def add_polls(con: duckdb.DuckDBPyConnection, *statuses: str, reasons: tuple[str, ...] = ()) -> None:
    """Add polls a minute apart, the last one at noon."""
    for age, status in enumerate(reversed(statuses)):
        started_at = NOON - timedelta(minutes=age)
        insert(con, "polls", poll_id=f"p{99 - age}", started_at=started_at, status=status, source="api")
    con.execute("update core.polls set suspect_reasons = ? where status = 'suspect'", [list(reasons)])


def interval(con: duckdb.DuckDBPyConnection, settings: Settings = SETTINGS) -> int:
    """Return the seconds from the last poll, at noon, to the next."""
    due_at = poll_interval.next_poll(poll_interval.measure(con, NOON), settings).due_at
    assert due_at is not None
    return int((due_at - NOON).total_seconds())


@pytest.mark.parametrize(
    ("longest_run", "expected"),
    [
        (0, 4 * HOUR),
        (HOUR - 1, 4 * HOUR),
        (HOUR + 600, 4 * HOUR - 600),
        (4 * HOUR, HOUR),
        (5 * HOUR - 60, 300),  # capped below
        (5 * HOUR, 4 * HOUR),  # never seen to its end in the list, however often one polls
    ],
)
def test_an_hourly_task_is_polled_before_its_window_overflows(
    con: duckdb.DuckDBPyConnection, longest_run: int, expected: int
) -> None:
    add_polls(con, "succeeded")
    add_task(con, "hourly", "0 * * * *")
    add_run(con, "hourly", longest_run)
    assert interval(con) == expected


def test_the_tightest_task_sets_the_pace_and_is_named(con: duckdb.DuckDBPyConnection) -> None:
    add_polls(con, "succeeded")
    add_task(con, "daily", "0 9 * * *", timezone="Europe/Berlin")
    add_task(con, "quarter", "*/15 * * * *")
    add_run(con, "daily", 90)
    add_run(con, "quarter", 1000)
    assert interval(con) == 5 * 900 - 1000
    told = poll_interval.next_poll(poll_interval.measure(con, NOON), SETTINGS).reason
    assert told == "task quarter (*/15 * * * *) ticks every 900 s and ran up to 1000 s, so every 3500 s"


@pytest.mark.parametrize(
    "more",
    [{"is_enabled": False}, {"deleted_at": NOON}, {"schedule": None}, {"schedule": "every now and then"}],
)
def test_tasks_that_do_not_tick_set_no_pace(con: duckdb.DuckDBPyConnection, more: dict[str, Any]) -> None:
    add_polls(con, "succeeded")
    add_task(con, "silent", **{"schedule": "* * * * *"} | more)
    assert interval(con) == 21_600


def test_the_interval_is_capped_at_both_ends_and_below_seven_days(con: duckdb.DuckDBPyConnection) -> None:
    add_polls(con, "succeeded")
    add_task(con, "weekly", "0 9 * * 1")
    assert interval(con) == 21_600
    lax = Settings(_env_file=None, poll_interval_max_seconds=60 * 86_400)
    assert interval(con, lax) == 6 * 86_400
    add_task(con, "minutely", "* * * * *")
    assert interval(con) == 300


def test_runs_of_long_ago_do_not_set_the_pace(con: duckdb.DuckDBPyConnection) -> None:
    add_polls(con, "succeeded")
    add_task(con, "hourly", "0 * * * *")
    add_run(con, "hourly", 4 * HOUR, created_at=NOON - timedelta(days=31))
    assert interval(con) == 4 * HOUR


def test_nothing_polled_yet_means_now(con: duckdb.DuckDBPyConnection) -> None:
    assert poll_interval.next_poll(poll_interval.measure(con, NOON), SETTINGS).due_at is None
    insert(con, "polls", poll_id="p1", started_at=NOON, status="succeeded", source="file")
    assert poll_interval.next_poll(poll_interval.measure(con, NOON), SETTINGS).due_at is None


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (("succeeded", "failed"), 600),
        (("failed", "failed", "failed"), 2400),
        (("failed",) * 20, 21_600),
        (("failed", "succeeded"), 4 * HOUR),
        (("succeeded", "running"), 600),  # killed before it could end
    ],
)
def test_failed_polls_in_a_row_wait_longer_and_longer(
    con: duckdb.DuckDBPyConnection, statuses: tuple[str, ...], expected: int
) -> None:
    add_task(con, "hourly", "0 * * * *")
    add_polls(con, *statuses)
    assert interval(con) == expected


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("many_tasks_empty", 600),
        ("account_empty", 4 * HOUR),  # so may an account that was emptied
        ("lookup_failed_or_empty", 4 * HOUR),  # one task may stay so for days
        ("row_cap_reached", 4 * HOUR),
    ],
)
def test_a_suspect_poll_counts_as_an_outage_only_if_it_concerns_many_tasks(
    con: duckdb.DuckDBPyConnection, reason: str, expected: int
) -> None:
    add_task(con, "hourly", "0 * * * *")
    add_polls(con, "succeeded", "suspect", reasons=(reason,))
    assert interval(con) == expected


def test_the_state_file_carries_everything_to_the_sensor(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.prepare()
    assert poll_interval.read_state(layout) == Cadence()
    add_task(con, "hourly", "0 * * * *")
    add_polls(con, "succeeded", "failed")
    found = poll_interval.measure(con, NOON)
    poll_interval.write_state(layout, found)
    assert poll_interval.read_state(layout) == found
    assert found.failed_in_row_count == 1
    assert poll_interval.state_file(layout).stat().st_mode & 0o777 == 0o600
    for damaged in ("", "[]", '{"last_poll_at": 5}', '{"last_poll_at": null, "of_the_future": 1}'):
        poll_interval.state_file(layout).write_text(damaged)
        assert poll_interval.read_state(layout) == Cadence()
