"""The file of account names: what core.accounts and the marts get from it, and which line a refusal names."""

from pathlib import Path

import pytest

from pipelines.errors import BadSettings
from pipelines.paths import SQL_DIR, Layout
from pipelines.transform.account_names import HEADER, apply_account_names, read_account_names
from tests.support.warehouse_builder import WarehouseBuilder, built, core_database

ACCOUNT = "0f3a5c1e-7b2d-4e86-9a41-c5d60f7e8b92"
HEAD = ",".join(HEADER)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def write(layout: Layout, *lines: str) -> None:
    layout.account_names_file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_the_file_fills_core_and_a_later_one_replaces_it(layout: Layout) -> None:
    with core_database() as con:
        write(layout, HEAD, "# who is who", f'{ACCOUNT.upper()},"Ünder, Ground"')
        apply_account_names(con, layout)
        assert con.execute("from core.accounts").fetchall() == [(ACCOUNT, "Ünder, Ground")]
        layout.account_names_file.unlink()
        apply_account_names(con, layout)
        assert con.execute("from core.accounts").fetchall() == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nobody,Name", "account_id must be a UUID as the API gives it. Correct"),
        ("*,Name", "account_id must be a UUID"),
        (f"{ACCOUNT},", "account_name must have 1 to 80 printable characters"),
        (f"{ACCOUNT},{'x' * 81}", "account_name must have"),
        (f"{ACCOUNT},a\x07b", "account_name must have"),
        (f"{ACCOUNT},Ünder, Ground", 'stands in "quotes"'),
        (f"{ACCOUNT},Twice", "has a name in line 2 already"),
    ],
)
def test_a_line_that_is_wrong_is_named(layout: Layout, line: str, message: str) -> None:
    first = f"{ACCOUNT},First" if "Twice" in line else "# a comment"
    write(layout, HEAD, first, line)
    with pytest.raises(BadSettings) as refused:
        read_account_names(layout)
    assert "accounts.csv, line 3: " in str(refused.value)
    assert message in str(refused.value)


def test_the_example_is_read(layout: Layout) -> None:
    layout.account_names_file.write_bytes((SQL_DIR / "accounts.example.csv").read_bytes())
    assert read_account_names(layout) == [(ACCOUNT, "Velvet Static (Berlin)")]


@pytest.mark.slow
def test_marts_say_the_name_and_stay_whole_without_one() -> None:
    house = WarehouseBuilder().task("t", account_id="a").task("u", account_id="b").run("r1").run("r2", "u")
    house.rows("accounts", {"account_id": "a", "account_name": "First"})
    built(house, "spend_monthly", "budget_status", "task_health")
    for mart in ("spend_monthly", "budget_status", "task_health"):
        rows = house.query(f"select distinct account_id, account_name from marts.{mart} order by 1")
        assert rows == [("a", "First"), ("b", None)], mart
