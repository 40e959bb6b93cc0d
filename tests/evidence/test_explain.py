"""Where a number comes from: the runs behind each row of the marts, and the archived bytes that told of them."""

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipelines.archive.store import Archive
from pipelines.cli import main as cli
from pipelines.clock import fixed
from pipelines.database.connection import Connection, open_published
from pipelines.database.sql_text import Row, rows
from pipelines.errors import ArchiveDamaged, RecoupError
from pipelines.evidence.cell import Cell, find_cell
from pipelines.evidence.told import Told, where_told
from pipelines.nightly import check_and_publish
from pipelines.paths import Layout
from pipelines.transform.load_models import load_models
from tests.support.polled_world import HOUR, HOURLY, SECOND, START, PolledWorld

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A task polled so seldom that runs are missing (those that never started are in no listing), and while runs run."""
    task = replace(HOURLY, mix={"failed": 0.3, "crashed_before_start": 0.4})
    world = PolledWorld(tmp_path_factory.mktemp("explained") / "warehouse", task, past=10 * SECOND)
    for hours in (1, 4, 14, 26, 40, 44, 44.2):
        world.poll(hours)
    check_and_publish(world.settings, clock=fixed(START + 45 * HOUR), models=load_models())
    return world.settings.layout


@pytest.fixture(scope="module")
def con(layout: Layout) -> Connection:
    return open_published(layout)


def cells(con: Connection, table: str) -> list[Cell]:
    models = load_models()
    grain = next(model for model in models if model.relation == table).grain
    keys = rows(con.execute(f"select {', '.join(grain)} from {table}"))
    return [
        find_cell(con, models, table, {name: None if v is None else str(v) for name, v in key.items()}) for key in keys
    ]


def counted(runs: Sequence[Row], **wanted: object) -> int:
    return sum(run["is_counted"] and all(run[name] == value for name, value in wanted.items()) for run in runs)


@pytest.mark.parametrize("table", ["marts.failure_rates_daily", "marts.fleet_daily"])
def test_the_runs_behind_a_row_make_its_counts(con: Connection, table: str) -> None:
    found = cells(con, table)
    assert sum(len(cell.runs) for cell in found) > 20
    assert sum(len(cell.missing) for cell in found) > 5
    for cell in found:
        assert cell.row["failed_count"] == counted(cell.runs, outcome="failed")
        assert cell.row["n"] == counted(cell.runs, outcome="failed") + counted(cell.runs, outcome="succeeded")
        assert cell.row["runs_missing_count"] == len(cell.missing)


@pytest.mark.parametrize("table", ["marts.spend_daily", "marts.spend_monthly"])
def test_the_runs_behind_a_row_make_its_money(con: Connection, table: str) -> None:
    for cell in cells(con, table):
        assert cell.row["run_count"] == len(cell.runs)
        assert (cell.row["total_cents"] or 0) == sum((run["total_cents"] or Decimal(0)) for run in cell.runs)


def test_each_run_stands_in_the_archive_where_it_is_said_to(con: Connection, layout: Layout) -> None:
    archive = Archive(layout.archive)
    runs = [run for cell in cells(con, "marts.fleet_daily") for run in cell.runs]
    told = where_told(archive, runs)
    assert set(told) == {run["run_id"] for run in runs}
    for run in runs:
        one = told[run["run_id"]]
        body = answered(archive, one)
        assert body[one.position :].startswith(run["run_id"].encode())
        around = body[max(one.position - 800, 0) : one.position + 800]
        assert f"{run['updated_at']:%Y-%m-%dT%H:%M:%S}".encode() in around
        earlier = [poll for poll in archive.poll_ids() if poll < one.poll_id]
        assert not any(_tells(archive, poll, run) for poll in earlier)
    assert any(_holds(archive, told[run["run_id"]].poll_id, run) for run in runs)


def answered(archive: Archive, told: Told) -> bytes:
    record = archive.poll(told.poll_id)
    assert record
    [stored] = [stored for stored in record.responses if stored.number == told.answer]
    assert told.file == archive.bodies.path(stored)
    return archive.body(stored)


def _holds(archive: Archive, before: str, run: Row) -> bool:
    """Tell whether an earlier poll saw the run, in another state."""
    records = [record for poll in archive.poll_ids() if poll < before and (record := archive.poll(poll))]
    return any(run["run_id"].encode() in archive.body(stored) for record in records for stored in record.responses)


def _tells(archive: Archive, poll_id: str, run: dict[str, Any]) -> bool:
    record = archive.poll(poll_id)
    bodies = [archive.body(stored) for stored in record.responses] if record else []
    stated = (
        f'"updatedAt":"{run["updated_at"]:%Y-%m-%dT%H:%M:%S.}{run["updated_at"].microsecond // 1000:03d}Z"'.encode()
    )
    return any(run["run_id"].encode() in body and stated in body for body in bodies)


def test_what_does_not_exist_is_named_by_what_does(con: Connection) -> None:
    models = load_models()
    for table, values, told in (
        ("failure_rates_daily", {}, "rows of marts.failure_rates_daily fit; say more of date"),
        ("failure_rates_daily", {"date": "2020-01-01"}, "date=2020-01-01 does not occur"),
        ("failure_rates_daily", {"date": "tomorrow"}, "cannot have such a value"),
        ("fleet_daily", {"day": "1"}, "no column 'day'; its key is date"),
        ("fleet_days", {"date": "1"}, "the nearest: marts.fleet_daily"),
        ("marts.failure_rates", {}, "no groups of runs; what can be explained"),
        ("core.runs", {"run_id": "x"}, "no groups of runs"),
        ("marts.failed_runs", {"run_id": "'; drop table x --"}, "does not occur"),
    ):
        with pytest.raises(RecoupError) as raised:
            find_cell(con, models, table, values)
        assert told in str(raised.value)


def test_the_command_shows_it_to_people_and_to_programs(
    con: Connection, layout: Layout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RECOUP_WAREHOUSE_DIR", str(layout.root))
    (cell, *_) = [one for one in cells(con, "marts.fleet_daily") if one.runs and one.missing]
    day = f"date={cell.row['date']}"
    assert cli.run(["explain", "fleet_daily", day, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {run["run_id"] for run in told["runs"]} == {run["run_id"] for run in cell.runs}
    assert all((layout.archive / run["file"]).is_file() for run in told["runs"])
    assert "fleet" in told["sql"]
    assert cli.run(["explain", "marts.fleet_daily", day]) == 0
    told_people = capsys.readouterr().out
    assert f"{len(cell.runs)} runs" in told_people
    assert f"{len(cell.missing)} tick" in told_people
    assert "owner@" not in told_people
    assert cli.run(["explain", "fleet_daily", "date"]) == 2


def test_an_archive_that_is_damaged_is_named(con: Connection, layout: Layout, tmp_path: Path) -> None:
    archive = Archive(layout.archive)
    (cell, *_) = [one for one in cells(con, "marts.fleet_daily") if one.runs]
    file = next(iter(where_told(archive, cell.runs).values())).file
    content = file.read_bytes()
    try:
        file.chmod(0o600)
        file.write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])
        with pytest.raises(ArchiveDamaged, match=file.name):
            where_told(archive, cell.runs)
    finally:
        file.write_bytes(content)
