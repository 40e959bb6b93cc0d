"""docs/bi/postgres.md, word for word: Buenavista over the published copy, asked by psycopg."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.bi.conftest import Place, environment
from tests.bi.test_clients import blocks, publish_one_more_run

pytestmark = pytest.mark.slow

PASSWORD = "s3cret"
ASK = """
import json, sys
import psycopg
where = "host=127.0.0.1 port=5433 user=reader dbname=recoup password=" + sys.argv[1]
with psycopg.connect(where, autocommit=True, cursor_factory=psycopg.ClientCursor) as con:
    for query, parameters in json.loads(sys.argv[2]):
        try:
            print(json.dumps(con.execute(query, parameters).fetchall(), default=str))
        except psycopg.Error as error:
            print(json.dumps(str(error)))
"""


@pytest.fixture(scope="module")
def python() -> Path:
    return environment(".venv-postgres", "test-bi") / "bin/python"


@contextmanager
def served(python: Path, place: Place) -> Iterator[None]:
    (code,) = blocks("postgres.md", "python")
    variables = os.environ | {"READER_PASSWORD": PASSWORD}
    with subprocess.Popen([python, "-c", code], cwd=place.folder, env=variables, stderr=subprocess.DEVNULL) as server:
        try:
            yield
        finally:
            server.terminate()


def ask(
    python: Path, place: Place, *queries: str, parameters: tuple[str, ...] = (), password: str = PASSWORD
) -> list[Any]:
    """Ask as soon as the server answers; it says nothing when it begins to listen."""
    questions = json.dumps([(query, parameters or None) for query in queries])
    for _ in range(100):
        command = [str(python), "-c", ASK, password, questions]
        done = subprocess.run(command, cwd=place.folder, capture_output=True, text=True, timeout=60, check=False)
        if "Connection refused" not in done.stderr:
            assert done.returncode == 0, done.stderr.splitlines()[-1]
            return [json.loads(line) for line in done.stdout.splitlines()]
        time.sleep(0.2)
    pytest.fail("the server did not listen within a minute")


def test_answers_are_those_of_the_file_and_a_new_client_sees_a_new_copy(python: Path, place: Place) -> None:
    count, money = "select count(*) from core.runs", "select count(*), sum(total_usd) from marts.spend_daily"
    failed = "select count(*) from marts.run_facts where outcome = %s"
    with served(python, place):
        expected = [
            [list(row) for row in json.loads(json.dumps(place.rows(query), default=str))] for query in (count, money)
        ]
        assert ask(python, place, count, money) == expected
        assert ask(python, place, failed, parameters=("failed",)) == [
            [list(row) for row in place.rows(failed.replace("%s", "'failed'"))]
        ]
        publish_one_more_run(place)
        assert ask(python, place, count) == [[[expected[0][0][0] + 1]]]


def test_it_only_reads_and_only_the_copy(python: Path, place: Place) -> None:
    attempts = {
        "delete from core.runs": "read-only mode",
        "select * from read_csv('warehouse/budgets.csv')": "disabled by configuration",
        "copy core.runs to 'out.csv'": "disabled by configuration",
        "set enable_external_access = true": "Cannot enable external access",
    }
    with served(python, place):
        told = ask(python, place, *attempts)
        assert all(word in answer for word, answer in zip(attempts.values(), told, strict=True)), told
        with pytest.raises(AssertionError, match="Invalid password"):
            ask(python, place, "select 1", password="wrong")
