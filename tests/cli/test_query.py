"""query: read-only, for people and for programs."""

import io
import json
from decimal import Decimal
from pathlib import Path

import pytest

from pipelines.console.result_format import aligned, trimmed
from tests.cli.conftest import run

ESCAPES = [
    "from read_text('warehouse/work/privacy.key')",
    "from read_text('/proc/self/environ')",
    "from read_csv('warehouse/archive/polls/*/*.ndjson')",
    "from glob('*')",
    "copy (select 1) to 'warehouse/work/privacy.key'",
    "copy (select 1) to 'warehouse/archive/polls/x.ndjson'",
    "export database 'out'",
    "attach 'warehouse/work/recoup.duckdb' as private",
    "attach 'new.duckdb'",
    "install httpfs",
    "load 'warehouse/work/x.duckdb_extension'",
    "from 'https://127.0.0.1:9/a.parquet'",
    "set enable_external_access = true",
    "set allowed_directories = ['/']",
    "reset lock_configuration",
    "set memory_limit = '90%'",
    "pragma temp_directory = '/'",
    "from text",
]


@pytest.mark.usefixtures("published")
class TestQuery:
    """Read-only, aligned for people, exact for programs."""

    def test_a_table_for_people(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert (
            run("query", "select 'a' as name, 1.50::decimal(38, 20) as cents union all select 'bcd', 12 order by 1")
            == 0
        )
        assert capsys.readouterr().out == "name  cents\n----  -----\na       1.5\nbcd      12\n(2 rows)\n"

    def test_csv_keeps_values_whole(self, capsys: pytest.CaptureFixture[str]) -> None:
        sql = "select 'a,\"b\"' as text, null as nothing, [1, 2] as list, repeat('x', 100) as long"
        assert run("query", "--format", "csv", sql) == 0
        expected = f'text,nothing,list,long\n"a,""b""",,"[1,2]",{"x" * 100}\n'
        assert capsys.readouterr().out == expected

    def test_json_keeps_types_and_every_cent(self, capsys: pytest.CaptureFixture[str]) -> None:
        sql = """select 0.00000000000000000001::decimal(38, 20) as cents, timestamptz '2026-08-20 09:00:00+02' as at,
            1 as n, 2 as n, {'a': true} as nested"""
        assert run("query", "--format", "json", sql) == 0
        rows = json.loads(capsys.readouterr().out, parse_float=Decimal)
        assert rows == [
            {"cents": Decimal("1E-20"), "at": "2026-08-20T07:00:00Z", "n": 1, "n_2": 2, "nested": {"a": True}}
        ]

    def test_json_without_rows(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("query", "--format", "json", "select 1 as a where false") == 0
        assert json.loads(capsys.readouterr().out) == []

    def test_nobody_writes_through_it(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("query", "delete from core.runs") == 1
        assert "read-only" in capsys.readouterr().err

    @pytest.mark.parametrize("sql", ESCAPES)
    def test_it_reaches_nothing_but_the_copy(self, published: Path, sql: str) -> None:
        files = {path: path.read_bytes() for path in published.parent.rglob("*") if path.is_file()}
        assert run("query", sql) == 1
        assert {path: path.read_bytes() for path in published.parent.rglob("*") if path.is_file()} == files

    def test_a_folder_that_is_named_may_be_read(self, published: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (published.parent / "mine").mkdir()
        (published.parent / "mine" / "a.csv").write_text("a\n7\n")
        assert run("query", "--files", "mine", "--format", "csv", "select a from 'mine/*.csv'") == 0
        assert capsys.readouterr().out == "a\n7\n"
        assert run("query", "--files", "mine", "from read_text('mine/../warehouse/work/privacy.key')") == 1
        assert "--files" in capsys.readouterr().err

    @pytest.mark.parametrize("folder", [".", "warehouse", "warehouse/work", "warehouse/current"])
    def test_no_folder_with_the_warehouse_may_be_named(self, folder: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("query", "--files", folder, "select 1") == 2
        assert "private files" in capsys.readouterr().err

    def test_a_refused_query_shows_why(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("query", "select nothing_like_it from core.runs") == 1
        assert "nothing_like_it" in capsys.readouterr().err

    def test_from_standard_input(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("select 7 as seven"))
        assert run("query", "-", "--format", "csv") == 0
        assert capsys.readouterr().out == "seven\n7\n"

    def test_titles_cannot_drive_the_terminal(self) -> None:
        lines = list(aligned(["title"], [("evil\x1b[2J\nline",), ("東京",)]))
        assert "\x1b" not in "".join(lines)
        assert lines[3] == "東京"

    def test_neither_can_names_and_errors(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("query", 'select 1 as "evil\x1b[2J"') == 0
        assert run("query", 'select "evil\x1b[2J"') == 1
        told = capsys.readouterr()
        assert "\x1b" not in told.out + told.err

    def test_no_idle_zeros(self) -> None:
        assert [trimmed(Decimal(text)) for text in ("1.50", "0E-20", "100", "-0.0025000")] == [
            "1.5",
            "0",
            "100",
            "-0.0025",
        ]
