"""The address of the published copy for SQLAlchemy and Superset is its plain path, however the folders are called."""

import json
from pathlib import Path

import duckdb
import pytest

from tests.bi.conftest import Place, environment

pytestmark = pytest.mark.slow

# What the settings let through; patterns like `?` are refused there. Superset parses, writes and parses an address again.
NAMES = ["with space", "it's ours", 'a "b" c', "100 %", "a%20b", "größe; drop", "#1", "a&b=c", "a+b", "a:b@c"]
OPEN = """
import json, sys
import sqlalchemy as sa

for file in json.load(sys.stdin):
    url = sa.make_url(sa.make_url("duckdb:///" + file).render_as_string(hide_password=False))
    with sa.create_engine(url, connect_args={"read_only": True}).connect() as connection:
        print(json.dumps(connection.execute(sa.text("select name from here")).scalar()))
"""


def test_odd_names_of_folders_need_no_quoting(tmp_path: Path) -> None:
    files = []
    for name in NAMES:
        (tmp_path / name).mkdir()
        files.append(str(tmp_path / name / "recoup.duckdb"))
        with duckdb.connect(files[-1]) as con:
            con.execute("create table here as select ? as name", [name])
    (tmp_path / "files.json").write_text(json.dumps(files))
    program = f"import sys; sys.stdin = open('files.json', encoding='utf-8')\n{OPEN}"
    told = Place(tmp_path).run(environment(".venv-bi", "test-bi") / "bin/python", "-c", program)
    assert [json.loads(line) for line in told.splitlines()] == NAMES
