"""What a question may do: read the published copy, within bounds, and nothing else."""

import sys
from pathlib import Path

import pytest

from pipelines.errors import BadSettings, NothingPublished, RecoupError
from pipelines.mcp.answers import answer
from pipelines.paths import Layout
from tests.cli.conftest import run
from tests.cli.test_query import ESCAPES

WRITES = [
    "delete from core.runs",
    "insert into core.runs by name select * from core.runs",
    "create table x as select 1",
    "create temp table x as select 1",
    "drop table core.runs",
    "update core.runs set status = 'x'",
    "checkpoint",
    "begin",
    "select 1; delete from core.runs",
    "explain analyze select 1",
    "call pragma_version()",
    "prepare x as select 1",
    "",
    "-- nothing",
    "selec 1",
]


@pytest.fixture
def layout(published: Path) -> Layout:
    return Layout(published)


@pytest.mark.parametrize("sql", [*ESCAPES, *WRITES])
def test_nothing_is_written_and_no_file_is_read(layout: Layout, sql: str) -> None:
    before = layout.published_file.read_bytes()
    with pytest.raises(RecoupError, match="refused|only one SELECT"):
        answer(layout, sql)
    assert layout.published_file.read_bytes() == before


def test_an_answer_says_how_complete_the_copy_is_and_which_it_is(layout: Layout) -> None:
    told = answer(layout, "select run_id, created_at, is_test from core.runs")
    assert told.snapshot == 1
    assert not told.is_cut
    assert set(told.warehouse) >= {"runs_missing_count", "coverage_ratio", "coverage_status", "polls_until"}
    assert [type(value) for value in told.rows[0].values()] == [str, str, bool]


@pytest.mark.slow
def test_rows_bytes_and_time_are_bounded(layout: Layout) -> None:
    assert len(answer(layout, "from range(1000)", 10).rows) == 10
    assert answer(layout, "from range(1000)", 10).is_cut
    assert not answer(layout, "from range(10)", 10).is_cut
    wide = answer(layout, "select repeat('x', 400000) as text from range(10)", 10)
    assert len(wide.rows) == 2
    assert wide.is_cut
    for limit in (0, 1001):
        with pytest.raises(RecoupError, match="not between 1 and 1000"):
            answer(layout, "select 1", limit)
    with pytest.raises(RecoupError, match=r"ended after 0\.3 s"):
        answer(layout, "select count(*) from range(10000000000) a, range(10000) b", seconds=0.3)
    assert answer(layout, "select current_setting('memory_limit') as most").rows == [{"most": "488.2 MiB"}]


def test_values_reach_json_whole(layout: Layout) -> None:
    sql = """select 0.00000000000000000001::decimal(38, 20) as cents, timestamptz '2026-08-20 09:00:00+02' as at,
        date '2026-08-20' as day, {'a': [1.50::decimal(4, 2)]} as nested, 9007199254740993::hugeint as many,
        'nan'::double as none, 0.1 as little, '\\x1B'::blob as bytes"""
    (row,) = answer(layout, sql).rows
    assert row["cents"] == "0.00000000000000000001"
    assert (row["at"], row["day"]) == ("2026-08-20T07:00:00+00:00", "2026-08-20")
    assert row["nested"] == {"a": ["1.5"]}
    assert (row["many"], row["none"], row["little"]) == ("9007199254740993", "nan", "0.1")


def test_without_a_copy_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NothingPublished, match="nightly"):
        answer(Layout(tmp_path), "select 1")


def test_without_the_extra_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in {"mcp", *(name for name in sys.modules if name.startswith("mcp."))}:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "pipelines.mcp.server", raising=False)
    assert run("mcp") == BadSettings.exit_code
    assert "recoup-warehouse[mcp]" in capsys.readouterr().err
