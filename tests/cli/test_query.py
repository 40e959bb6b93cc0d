"""query: read-only, for people and for programs."""

import io
import json
from decimal import Decimal

import pytest

from pipelines.console.result_format import aligned, trimmed
from tests.cli.conftest import run


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

    def test_no_idle_zeros(self) -> None:
        assert [trimmed(Decimal(text)) for text in ("1.50", "0E-20", "100", "-0.0025000")] == [
            "1.5",
            "0",
            "100",
            "-0.0025",
        ]
