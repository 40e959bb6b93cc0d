"""Every metric of the semantic layer has the same value in every client, also where a sum exceeds 2^53.

The file asked is a copy of the demo's marts with one number beyond 2^53 in each whole-number and money column.
"""

import json
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import yaml

from tests.bi.conftest import ROOT, Place
from tests.bi.test_clients import clients, node_script

pytestmark = pytest.mark.slow

__all__ = ["clients"]
BEYOND = 2**53 + 1
Value = int | float | Decimal | None

SQLALCHEMY = """
import json
import sqlalchemy as sa
engine = sa.create_engine("duckdb:///large.duckdb", connect_args={"read_only": True})
with engine.connect() as con:
    print(json.dumps([str(con.execute(sa.text(query)).scalar()) for query in json.load(open("queries.json"))]))
"""
FRAMES = """
import json
import duckdb
with duckdb.connect("large.duckdb", read_only=True) as con:
    print(json.dumps([str({value}) for query in json.load(open("queries.json"))]))
"""
ADBC = """
import json
import adbc_driver_duckdb
from adbc_driver_manager import dbapi
options = {"path": "large.duckdb", "access_mode": "READ_ONLY"}
with dbapi.connect(
    driver=adbc_driver_duckdb.driver_path(), entrypoint="duckdb_adbc_init", db_kwargs=options, autocommit=True
) as con, con.cursor() as cursor:
    told = []
    for query in json.load(open("queries.json")):
        cursor.execute(query)
        told.append(str(cursor.fetch_arrow_table().column(0)[0].as_py()))
    print(json.dumps(told))
"""
NODE = """
import { readFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
const instance = await DuckDBInstance.create('large.duckdb', { access_mode: 'READ_ONLY' });
const connection = await instance.connect();
const told = [];
for (const query of JSON.parse(readFileSync('queries.json', 'utf8'))) {
  const value = (await connection.runAndReadAll(query)).getRowsJson()[0][0];
  told.push(value === null ? 'None' : String(value));
}
console.log(JSON.stringify(told));
"""
WASM = """
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
const require = createRequire(import.meta.url);
const blocking = '@duckdb/duckdb-wasm/dist/duckdb-node-blocking.cjs';
const duckdb = require(blocking);
const bundle = { mainModule: join(dirname(require.resolve(blocking)), 'duckdb-eh.wasm'), mainWorker: '' };
const db = await duckdb.createDuckDB({ mvp: bundle, eh: bundle }, new duckdb.VoidLogger(), duckdb.NODE_RUNTIME);
await db.instantiate(() => {});
db.registerFileBuffer('large.duckdb', new Uint8Array(readFileSync('large.duckdb')));
db.open({ path: 'large.duckdb', accessMode: 1 });
const connection = db.connect();
// Arrow gives a DECIMAL as four words, lowest first, of a whole number; the type says where the point stands.
const decimal = (words, scale) => {
  const digits = [...words].reduceRight((sum, word) => sum * 4294967296n + BigInt(word), 0n).toString();
  return digits.padStart(scale + 1, '0').replace(new RegExp(`(\\\\d{${scale}})$`), '.$1');
};
const told = [];
for (const query of JSON.parse(readFileSync('queries.json', 'utf8'))) {
  const column = connection.query(query).getChildAt(0);
  const value = column.get(0);
  told.push(value === null ? 'None' : 'scale' in column.type ? decimal(value, column.type.scale) : String(value));
}
console.log(JSON.stringify(told));
"""
PYTHON = {
    "sqlalchemy": SQLALCHEMY,
    "polars": FRAMES.format(value="con.sql(query).pl().item()"),
    "pandas": FRAMES.format(value="con.sql(query).df().iloc[0, 0]"),
    "adbc": ADBC,
}
JAVASCRIPT = {"node": NODE, "wasm": WASM}


@pytest.fixture(scope="module")
def expected(place: Place) -> list[Value]:
    """Write the file and the queries into the place; return what DuckDB itself answers."""
    layer = yaml.safe_load((ROOT / "docs/semantic_layer.yml").read_text())
    tables = [table["table"] for table in layer["tables"]]
    queries = [
        f"select {metric['expression']} as m from {table['table']}"
        for table in layer["tables"]
        for metric in table["metrics"]
    ]
    (place.folder / "queries.json").write_text(json.dumps(queries))
    with duckdb.connect(str(place.folder / "large.duckdb"), config={"storage_compatibility_version": "v1.0.0"}) as con:
        con.execute(f"attach '{place.layout.published_file}' as published (read_only)")
        con.execute("create schema marts")
        for table in tables:
            con.execute(f"create table {table} as from published.{table}")
            for name, kind in con.execute(f"select column_name, column_type from (describe {table})").fetchall():
                if kind == "BIGINT" or (kind.startswith("DECIMAL") and name.endswith("_usd")):
                    con.execute(f"update {table} set {name} = {BEYOND} where rowid = 0")
        values = [con.execute(query).fetchone() for query in queries]
    return [row[0] if row else None for row in values]


def test_there_are_sums_beyond_what_floating_point_counts(expected: list[Value]) -> None:
    whole = [value for value in expected if isinstance(value, int) and value > BEYOND]
    money = [value for value in expected if isinstance(value, Decimal) and value > BEYOND]
    assert len(whole) > 5
    assert len(money) > 5
    assert any(int(float(value)) != value for value in whole)


def _told_by(client: str, expected: list[Value]) -> list[Value]:
    """Return the values as a client can show them: pandas alone has no exact money (docs/bi/dataframes.md says so)."""
    return [float(value) if client == "pandas" and isinstance(value, Decimal) else value for value in expected]


def _read(client: str, told: list[str], expected: list[Value]) -> list[Value]:
    return [_as(text, like) for text, like in zip(told, _told_by(client, expected), strict=True)]


def _as(text: str, like: Value) -> Value:
    """Read a value as the kind that it should be; what is no such number, or none at all, differs from it."""
    if text == "None" or like is None:
        return None if text == "None" else float("nan")
    return type(like)(text)


@pytest.mark.parametrize("client", PYTHON)
def test_python_clients(client: str, clients: Path, place: Place, expected: list[Value]) -> None:
    told = json.loads(place.run(clients / "bin/python", "-c", PYTHON[client]))
    assert _read(client, told, expected) == _told_by(client, expected)


@pytest.mark.parametrize("client", JAVASCRIPT)
def test_javascript_clients(client: str, clients: Path, place: Place, expected: list[Value], tmp_path: Path) -> None:
    told = json.loads(place.run("node", node_script(clients, tmp_path, JAVASCRIPT[client])))
    assert _read(client, told, expected) == _told_by(client, expected)
