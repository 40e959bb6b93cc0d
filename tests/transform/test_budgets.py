"""The file of budgets: where it is looked for, what core.budgets gets from it, and which line a refusal names."""

from decimal import Decimal
from pathlib import Path

import pytest

from pipelines.database.core_schema import apply_core
from pipelines.errors import BadSettings
from pipelines.paths import SQL_DIR
from pipelines.settings import Settings
from pipelines.transform.budgets import HEADER, apply_budgets, read_budgets
from tests.support.warehouse_builder import core_database

ACCOUNT = "0f3a5c1e-7b2d-4e86-9a41-c5d60f7e8b92"
HEAD = ",".join(HEADER)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, warehouse_dir=tmp_path / "warehouse")


def write(settings: Settings, *lines: str) -> Path:
    path = settings.budgets_path
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def refusal(settings: Settings) -> str:
    with pytest.raises(BadSettings) as refused:
        read_budgets(settings)
    return str(refused.value)


def test_without_a_file_there_are_no_budgets(settings: Settings) -> None:
    assert read_budgets(settings) == []


def test_the_file_of_the_warehouse_fills_core_and_a_later_one_replaces_it(settings: Settings) -> None:
    with core_database() as con:
        path = write(settings, HEAD, f"{ACCOUNT},12.50,", "", "# the rest", "*,,0.5")
        apply_budgets(con, settings)
        # A poll makes the schema sure in between, and leaves the budgets as they are.
        apply_core(con)
        rows = con.execute("from core.budgets order by account_id").fetchall()
        assert rows == [("*", None, 0.5), (ACCOUNT, Decimal("12.5"), None)]
        path.unlink()
        apply_budgets(con, settings)
        assert con.execute("from core.budgets").fetchall() == []


def test_the_file_that_the_setting_names_is_read_instead(settings: Settings, tmp_path: Path) -> None:
    write(settings, HEAD, "*,1,")
    elsewhere = settings.model_copy(update={"budgets_file": tmp_path / "elsewhere.csv"})
    told = refusal(elsewhere)
    assert "elsewhere.csv" in told
    assert "RECOUP_BUDGETS_FILE" in told
    write(elsewhere, HEAD, "*,2,")
    assert read_budgets(elsewhere) == [("*", "2", None)]


def test_the_example_can_be_used_as_it_is(settings: Settings) -> None:
    example = settings.model_copy(update={"budgets_file": SQL_DIR / "budgets.example.csv"})
    assert read_budgets(example) == [(ACCOUNT, "25.00", "0.9"), ("*", "10.50", None)]


@pytest.mark.parametrize("written", [ACCOUNT.upper(), f'"{ACCOUNT}"', f"  {ACCOUNT} "])
def test_an_account_is_the_same_however_its_id_is_written(settings: Settings, written: str) -> None:
    write(settings, HEAD, f"{written},1,")
    assert read_budgets(settings) == [(ACCOUNT, "1", None)]


def test_a_spreadsheet_may_put_its_mark_before_the_header(settings: Settings) -> None:
    path = write(settings)
    path.write_bytes(b"\xef\xbb\xbf" + f"{HEAD}\r\n*,3,1.0\r\n".encode())
    assert read_budgets(settings) == [("*", "3", "1.0")]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("*,12,50,0.8", "4 fields instead of 3"),
        ('*,"12,50",0.8', "monthly_budget_usd"),
        ("*,12,50", "warn_ratio"),
        ("*;12.50;0.8", "1 fields instead of 3"),
        ("*,-1,", "monthly_budget_usd"),
        ("*,nan,", "monthly_budget_usd"),
        ("*,1.00001,", "at most four decimals"),
        ("*,١,", "monthly_budget_usd"),
        ("*,1,1.5", "warn_ratio"),
        (f"{ACCOUNT[:-1]},1,", "account_id must be a UUID"),
        (",1,", "account_id must be a UUID"),
        (f"{ACCOUNT.upper()},1,", "line 2"),
    ],
)
def test_a_malformed_line_is_named(settings: Settings, line: str, told: str) -> None:
    path = write(settings, HEAD, f"{ACCOUNT},1,", "# a comment", line)
    message = refusal(settings)
    assert f"{path}, line 4: " in message
    assert told in message


@pytest.mark.parametrize("lines", [("",), ("*,1,",), ("account_id;monthly_budget_usd;warn_ratio", "*;1;")])
def test_a_wrong_header_is_named(settings: Settings, lines: tuple[str, ...]) -> None:
    write(settings, *lines)
    assert f"line 1: the header must be `{HEAD}`" in refusal(settings)


def test_a_file_in_another_encoding_is_refused(settings: Settings) -> None:
    write(settings).write_bytes(f"{HEAD}\n# M\xfcller\n".encode("latin-1"))
    assert "UTF-8" in refusal(settings)


def test_a_refused_file_changes_nothing(settings: Settings) -> None:
    with core_database() as con:
        write(settings, HEAD, "*,1,")
        apply_budgets(con, settings)
        write(settings, HEAD, "*,1,", "x,1,")
        with pytest.raises(BadSettings):
            apply_budgets(con, settings)
        assert con.execute("from core.budgets").fetchall() == [("*", Decimal(1), None)]
