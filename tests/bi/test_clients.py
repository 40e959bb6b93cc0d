"""The pages of docs/bi, word for word, with the real clients in .venv-bi: what they print is what the file says.

And what the pages claim of fresh data: which clients need a new connection, and which trap keeps the old copy.
"""

import csv
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest

from pipelines.clock import utc_now
from pipelines.database.connection import Warehouse
from tests.bi.conftest import ROOT, Place, environment
from tests.support.publish_harness import publish_as_it_is

pytestmark = pytest.mark.slow

PAGES = ROOT / "docs/bi"
WORST = "order by failed_count_7d desc, title limit 3"


@pytest.fixture(scope="session")
def clients() -> Path:
    return environment(".venv-bi", "test-bi")


def blocks(page: str, language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```$", (PAGES / page).read_text(), re.MULTILINE | re.DOTALL)
    assert found, f"{page} has no {language}"
    return [str(code) for code in found]


def python(clients: Path, place: Place, page: str) -> list[str]:
    (code,) = blocks(page, "python")
    return place.run(clients / "bin/python", "-c", code).splitlines()


def test_sqlalchemy(clients: Path, place: Place) -> None:
    expected = place.rows(f"select title, failed_count_7d, n_7d from marts.task_health {WORST}")
    assert python(clients, place, "sqlalchemy.md") == [" ".join(map(str, row)) for row in expected]


def test_sqlalchemy_knows_tables_comments_and_exact_types(clients: Path, place: Place) -> None:
    setup = blocks("sqlalchemy.md", "python")[0].split("with engine")[0]
    code = f"""{setup}
inspector = sa.inspect(engine)
tables = inspector.get_table_names("marts") + inspector.get_view_names("marts")
columns = {{column["name"]: column["comment"] for column in inspector.get_columns("task_health", schema="marts")}}
with engine.connect() as connection:
    usd, at = connection.execute(sa.text("select max(total_usd), max(created_at) from marts.run_facts")).one()
    try:
        connection.execute(sa.text("delete from core.runs"))
    except sa.exc.ProgrammingError as error:
        refused = "read-only" in str(error)
print(sorted(tables), columns["task_id"], repr(usd), at.utcoffset() is not None, refused, sep="\\n")
"""
    tables, comment, usd, is_aware, refused = place.run(clients / "bin/python", "-c", code).splitlines()
    query = "select table_name from information_schema.tables where table_schema = 'marts' order by 1"
    assert tables == str([name for (name,) in place.rows(query)])
    assert comment == "The task."
    [(largest,)] = place.rows("select max(total_usd) from marts.run_facts")
    assert (usd, is_aware, refused) == (repr(largest), "True", "True")


def test_dataframes(clients: Path, place: Place) -> None:
    [(usd,)] = place.rows("select sum(total_usd) from marts.spend_daily")
    [health] = place.rows("select count(*), sum(run_count) from marts.task_health")
    assert python(clients, place, "dataframes.md") == [str(usd), "{} {}".format(*health)]


def test_adbc(clients: Path, place: Place) -> None:
    [expected] = place.rows("select count(*), sum(total_usd) from marts.fleet_daily")
    assert python(clients, place, "adbc.md") == ["{} {}".format(*expected)]


def test_command_line(clients: Path, place: Place) -> None:
    first, attached = blocks("cli.md", "bash")
    shell = ("env", f"PATH={clients}/bin:/usr/bin:/bin", "sh", "-c")
    told = list(csv.reader(StringIO(place.run(*shell, first))))
    columns = "title, failed_count_7d, n_7d, coverage_status_7d"
    assert told[0] == columns.split(", ")
    assert told[1:] == [
        [str(value) for value in row] for row in place.rows(f"select {columns} from marts.task_health {WORST}")
    ]
    assert place.run(*shell, attached).splitlines()[1:] == [str(place.rows("select count(*) from core.runs")[0][0])]
    (comments,) = blocks("cli.md", "sql")
    asked = place.run(*shell, f'duckdb -readonly warehouse/current/recoup.duckdb -json "{comments}"')
    assert {"column_name": "task_id", "comment": "The task."} in json.loads(asked)


def test_node(clients: Path, place: Place, tmp_path: Path) -> None:
    (code,) = blocks("node.md", "js")
    told = json.loads(place.run("node", node_script(clients, tmp_path, code)))
    columns = "title, failed_count_7d, n_7d, total_usd_7d"
    expected = place.rows(f"select {columns} from marts.task_health {WORST}")
    assert [(row["title"], int(row["failed_count_7d"]), int(row["n_7d"])) for row in told] == [
        row[:3] for row in expected
    ]
    assert [Decimal(row["total_usd_7d"]) for row in told] == [row[3] for row in expected]


def test_parquet(clients: Path, place: Place) -> None:
    (command,) = blocks("parquet.md", "bash")
    place.cli(*command.split()[1:])
    [(usd, missing, runs)] = place.rows(
        "select sum(total_usd), sum(runs_missing_count), sum(run_count) from marts.spend_daily"
    )
    assert python(clients, place, "parquet.md") == [f"[({usd!r}, {missing})]", str(usd), str(runs)]
    for (schema, table), (count,) in {
        key: place.rows(f"select count(*) from {'.'.join(key)}")[0]
        for key in place.rows("select table_schema, table_name from information_schema.tables")
    }.items():
        exported = f"select count(*) from read_parquet('exported/{schema}/{table}/**/*.parquet')"
        code = f"import os, duckdb; os.chdir({str(place.folder)!r}); print(duckdb.execute({exported!r}).fetchone()[0])"
        assert int(place.run(clients / "bin/python", "-c", code)) == count, table


# Fresh data: each script counts runs, waits for a publish, and counts again, over a new connection and over a kept one.

SQLALCHEMY = """
import sys
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

url, options = "duckdb:///warehouse/current/recoup.duckdb", {"connect_args": {"read_only": True}}
engines = [sa.create_engine(url, poolclass=NullPool, **options), sa.create_engine(url, **options)]

def count(engine):
    with engine.connect() as connection:
        return connection.execute(sa.text("select count(*) from core.runs")).scalar()

print(*map(count, engines), flush=True)
sys.stdin.readline()
print(*map(count, engines), flush=True)
"""

ADBC = """
import sys
import adbc_driver_duckdb
from adbc_driver_manager import dbapi

def connect():
    path = {"path": "warehouse/current/recoup.duckdb", "access_mode": "READ_ONLY"}
    return dbapi.connect(
        driver=adbc_driver_duckdb.driver_path(), entrypoint="duckdb_adbc_init", db_kwargs=path, autocommit=True
    )

def count(connection):
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from core.runs")
        return cursor.fetchone()[0]

kept = connect()
with connect() as new:
    print(count(new), count(kept), flush=True)
sys.stdin.readline()
with connect() as new:
    print(count(new), count(kept), flush=True)
kept.close()
"""

NODE = """
import { createInterface } from 'node:readline/promises';
import { DuckDBInstance } from '@duckdb/node-api';

const open = () => DuckDBInstance.create('warehouse/current/recoup.duckdb', { access_mode: 'READ_ONLY' });
const count = async (instance) => {
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll('select count(*) from core.runs');
  return String(reader.getRows()[0][0]);
};
const kept = await open();
console.log(await count(await open()), await count(kept));
for await (const _ of createInterface({ input: process.stdin })) break;
console.log(await count(await open()), await count(kept));
process.exit(0);
"""


@pytest.mark.parametrize("client", ["sqlalchemy", "adbc", "node"])
def test_a_new_connection_shows_what_was_published_and_a_kept_one_does_not(
    clients: Path, place: Place, tmp_path: Path, client: str
) -> None:
    commands: dict[str, list[str | Path]] = {
        "sqlalchemy": [clients / "bin/python", "-c", SQLALCHEMY],
        "adbc": [clients / "bin/python", "-c", ADBC],
        "node": ["node", node_script(clients, tmp_path, NODE)],
    }
    [(before,)] = place.rows("select count(*) from core.runs")
    with conversation(place, commands[client]) as reader:
        assert reader.stdout is not None
        assert reader.stdin is not None
        assert reader.stdout.readline().split() == [str(before), str(before)]
        publish_one_more_run(place)
        reader.stdin.write("go\n")
        reader.stdin.flush()
        assert reader.stdout.readline().split() == [str(before + 1), str(before)]


@contextmanager
def conversation(place: Place, command: list[str | Path]) -> Iterator["subprocess.Popen[str]"]:
    arguments = [str(part) for part in command]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, cwd=place.folder, text=True, stdin=pipe, stdout=pipe) as reader:
        yield reader
    assert reader.returncode == 0


def publish_one_more_run(place: Place) -> None:
    with Warehouse(place.layout).write() as con:
        # Another id each time: what is published stays fit for the tests that follow.
        newer = "run_id || '+' || (select count(*) from core.runs)"
        con.execute(f"insert into core.runs select * replace ({newer} as run_id) from core.runs limit 1")
    publish_as_it_is(place.layout, clock=utc_now)


def node_script(clients: Path, folder: Path, code: str) -> Path:
    """Put a script where Node finds the packages of the clients' environment."""
    if not (clients / "node/node_modules").exists():
        pytest.skip("no Node.js package: npm was missing when the environment was made")
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(clients / "node/node_modules")
    script = folder / "script.mjs"
    script.write_text(code)
    return script
