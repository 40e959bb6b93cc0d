"""export --account: that account's rows in every table, the same numbers, and nothing of anybody else."""

import json
import re
from pathlib import Path

import duckdb
import pytest

from pipelines.cli import main as cli
from pipelines.database.connection import Warehouse
from pipelines.database.core_schema import apply_core
from pipelines.errors import BadSettings, PublishRefused
from pipelines.paths import Layout
from pipelines.publish.account_copy import AccountCopy, export_account, export_account_parquet
from pipelines.transform.build import build
from tests.support.core_rows import insert_first_versions, insert_rows
from tests.support.publish_harness import publish_at
from tests.support.warehouse_builder import NOW, models

OURS, THEIRS = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
MOVED_AT = "2026-08-10T00:00:00Z"
SOON, LATER = "2026-08-05T09:00:00Z", "2026-08-15T09:00:00Z"


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """Two accounts; one task of each, and one that moved from them to us."""
    layout = Layout(tmp_path_factory.mktemp("account") / "warehouse")
    with Warehouse(layout).write() as con:
        apply_core(con)
        insert_rows(con, "polls", [{"poll_id": "p1", "suspect_account_ids": [THEIRS], "account_count": 2}])
        owners = {"run_ours": OURS, "run_theirs": THEIRS, "run_moved": OURS}
        insert_rows(con, "tasks", [{"task_id": name, "account_id": account} for name, account in owners.items()])
        moved = {"task_id": "run_moved", "is_enabled": True}
        insert_rows(
            con,
            "task_versions",
            [
                moved | {"version_number": 1, "account_id": THEIRS, "valid_to": MOVED_AT, "is_current": False},
                moved | {"version_number": 2, "account_id": OURS, "valid_from": MOVED_AT, "is_current": True},
            ],
        )
        insert_first_versions(con)
        runs = [(f"run_{task}_{at[8:10]}", task, at) for task in owners for at in (SOON, LATER)]
        insert_rows(con, "runs", [{"run_id": run, "task_id": task, "created_at": at} for run, task, at in runs])
        insert_rows(con, "run_tags", [{"run_id": run, "tag": "nightly"} for run, _, _ in runs])
        con.execute("insert into core.budgets values ('*', 7.5, null)")
        con.execute("insert into core.accounts values (?, 'Ours'), (?, 'Theirs')", [OURS, THEIRS])
        build(con, models=models(), as_of=NOW, reporting_timezone="UTC")
    publish_at(layout, NOW)
    return layout


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as con:
        return con.execute(query).fetchall()


@pytest.fixture(scope="module")
def copy(layout: Layout) -> AccountCopy:
    return export_account(layout, OURS.upper(), layout.root / "ours.duckdb")


@pytest.mark.slow
def test_only_the_accounts_rows_and_the_same_numbers(layout: Layout, copy: AccountCopy) -> None:
    assert (copy.task_count, copy.run_count) == (2, 3)
    runs = rows(copy.path, "select run_id from core.runs order by run_id")
    assert runs == [("run_run_moved_15",), ("run_run_ours_05",), ("run_run_ours_15",)]
    assert rows(copy.path, "select account_id, budget_usd from marts.budget_status") == [(OURS, 7.5)]
    spent = f"select date, task_id, total_cents from marts.spend_daily where account_id = '{OURS}' order by all"
    assert rows(copy.path, spent) == rows(layout.published_file, spent)
    assert rows(copy.path, "select sum(run_count) from marts.fleet_daily") == [(3,)]
    assert rows(copy.path, "select column_name from duckdb_columns() where comment is not null and table_name = 'runs'")
    assert copy.path.stat().st_mode & 0o777 == 0o444


@pytest.mark.slow
def test_nothing_foreign_stands_anywhere_in_the_file(copy: AccountCopy, tmp_path: Path) -> None:
    with duckdb.connect(str(copy.path), read_only=True) as con:
        con.execute(f"export database '{tmp_path / 'out'}' (format csv)")
    texts = "".join(file.read_text() for file in (tmp_path / "out").glob("*.csv"))
    assert OURS in texts
    assert not re.search(f"{THEIRS}|run_theirs|Theirs|run_run_moved_05", texts)


@pytest.mark.slow
def test_as_parquet_it_holds_the_same_and_leaves_no_database(
    layout: Layout, copy: AccountCopy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOUP_WAREHOUSE_DIR", str(layout.root))
    out = tmp_path / "theirs"
    assert cli.run(["export", "--format", "parquet", "--account", OURS, "--out", str(out)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["theirs"]
    told = json.loads((out / "export.json").read_text())
    assert (told["account"], told["snapshot"]) == (OURS, 1)
    names = rows(copy.path, "select table_schema || '.' || table_name from information_schema.tables")
    assert told["row_counts"] == {name: rows(copy.path, f"select count(*) from {name}")[0][0] for (name,) in names}
    with duckdb.connect() as con:
        runs = con.execute(f"select run_id from read_parquet('{out}/core/runs/*.parquet') order by all").fetchall()
    assert runs == rows(copy.path, "select run_id from core.runs order by all")


def test_every_core_table_has_a_rule() -> None:
    """A new table is empty in such a file until somebody says which of its rows are an account's."""
    rules = (Path(__file__).parents[2] / "sql/publish/account_rows.sql").read_text()
    filled = set(re.findall(r"insert into core\.(\w+)", rules))
    made_by_build = {"build_context", "built_days", "day_builds", "expected_ticks", "schedule_gaps", "statuses"}
    # Of no known account, or for those who run the warehouse.
    for_nobody = {"listed_runs", "schema_changes", "check_results", "incidents"}
    core = {model.name for model in models() if model.schema == "core" and model.is_base}
    assert filled | made_by_build | for_nobody == core


@pytest.mark.slow
def test_a_foreign_id_stops_it(layout: Layout, tmp_path: Path) -> None:
    out = tmp_path / "ours.duckdb"
    with Warehouse(layout).write() as con:
        con.execute(f"update core.tasks set title = 'as {THEIRS}' where task_id = 'run_ours'")
        build(con, models=models(), as_of=NOW, reporting_timezone="UTC")
    publish_at(layout, NOW)
    for export in (export_account, export_account_parquet):
        with pytest.raises(PublishRefused, match=r"core\.tasks\.title"):
            export(layout, OURS, out)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_what_it_needs_is_said(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadSettings, match="holds no task of account"):
        export_account(layout, "33333333-3333-4333-8333-333333333333", tmp_path / "x")
    monkeypatch.setenv("RECOUP_WAREHOUSE_DIR", str(layout.root))
    assert cli.run(["export", "--format", "duckdb", "--account", "me", "--out", str(tmp_path / "x")]) == 2
    assert "is no UUID" in capsys.readouterr().err
    assert cli.run(["export", "--format", "superset", "--account", OURS, "--out", str(tmp_path / "x")]) == 2
    assert cli.run(["export", "--format", "duckdb", "--out", str(tmp_path / "x")]) == 2
