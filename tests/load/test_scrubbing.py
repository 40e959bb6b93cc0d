"""The scrubber and the names of unknown keys: what is private goes, what is harmless stays, and JSON keeps its shape."""

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipelines.load.sql_steps import run_flatten
from pipelines.recoup import gate
from pipelines.recoup.endpoints import Kind
from tests.support.bodies import EXAMPLES, NOON, run
from tests.support.secret_markers import (
    address,
    secret_markers,
    text,
)

LETTERS = st.text(alphabet=st.sampled_from('ab@.\\"\n\t\x01é<>:= ,{}[]%40&?'), max_size=12)
WORDS = st.sampled_from(["sk-abc", "Bearer x", "password", "token:", '"secret":"', "recoup_sk_a", "a@b.c", "\n", "\\"])
TEXTS = st.lists(WORDS | LETTERS, max_size=4).map("".join)
VALUES = st.recursive(
    TEXTS | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=6
)


@pytest.fixture(scope="module")
def session() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        run_flatten(con, "00_session")
        yield con


@pytest.mark.slow
@given(values=st.lists(VALUES, min_size=20, max_size=40))
@hypothesis_settings(max_examples=6 * EXAMPLES, deadline=None)
def test_scrubbing_leaves_json_readable_and_of_the_same_shape(
    session: duckdb.DuckDBPyConnection, values: list[Any]
) -> None:
    raws = [json.dumps(value, ensure_ascii=False) for value in values]
    scrubbed = session.execute("select scrubbed(raw::json::varchar) from (select unnest(?) as raw)", [raws]).fetchall()
    assert [shape(json.loads(text)) for (text,) in scrubbed] == [shape(value) for value in values]


def shape(part: Any) -> Any:
    if isinstance(part, dict):
        return "dict"  # two addresses may become the same name
    return [shape(inner) for inner in part] if isinstance(part, list) else type(part)


@pytest.mark.parametrize(
    "harmless",
    [
        "task-runner: disk-full, risk-free",
        "run_06g3v8ouk9oupl71ni64n51301 of task_1",
        "used 7 tokens, token count: 12",
        "customer-prompt-task",
        "Failed to fetch https://api.example/v1/items?page=2&limit=5",
    ],
)
def test_scrubbing_leaves_harmless_text_alone(session: duckdb.DuckDBPyConnection, harmless: str) -> None:
    assert session.execute("select scrubbed(?)", [harmless]).fetchall() == [(harmless,)]


def test_names_of_unknown_keys_are_told_unless_they_may_be_private() -> None:
    names = {"queuePosition": 1, address("name"): 2, text("name"): 3}
    gated = gate.gate([(0, json.dumps(run("r") | names).encode())], Kind.RUNS, NOON)
    assert "runs[].queuePosition" in gated.unknown_keys
    assert secret_markers(repr(gated.unknown_keys).encode()) == set()
