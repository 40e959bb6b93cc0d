"""Quoting and reading by name, asked of DuckDB itself."""

from datetime import UTC, datetime

import duckdb
import pytest

from pipelines.database.sql_text import first_row, identifier, literal, rows, statement

VALUES = [
    None,
    True,
    False,
    0,
    -7,
    0.25,
    "",
    "it's ''quoted''",
    "line\nbreak; -- no comment",
    b"\x00\xff'",
    datetime(2026, 8, 20, 12, 30, 0, 123456, tzinfo=UTC),
    [],
    ["a'b", "c"],
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_literal_means_the_value(value: object) -> None:
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'")
        found = con.execute(f"select {literal(value)}").fetchone()
    assert found is not None
    assert (float(found[0]) if isinstance(value, float) else found[0]) == value


@pytest.mark.parametrize("name", ["plain", "Two words", 'a"b', "select"])
def test_an_identifier_names_the_column(name: str) -> None:
    with duckdb.connect() as con:
        assert first_row(con.execute(f"select 1 as {identifier(name)}")) == {name: 1}


def test_rows_are_read_by_name() -> None:
    with duckdb.connect() as con:
        found = rows(con.execute("from (values (1, 'x'), (2, 'y')) as t (number, word)"))
        assert found == [{"number": 1, "word": "x"}, {"number": 2, "word": "y"}]
        assert rows(con.execute("select 1 as n where false")) == []
        assert first_row(con.execute("select 1 as n where false")) == {}


def test_a_statement_is_the_text_of_its_file() -> None:
    assert statement("marts", "run_facts").startswith("-- What is there to count about a run?")
    with pytest.raises(FileNotFoundError):
        statement("marts", "no_such_mart")
