"""docs/bi/wasm.md in duckdb-wasm under Node.js, and every table and view of a published copy read there without a network.

Where an extension is needed that is not there, duckdb-wasm hangs and says nothing; hence the time limit.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.bi.conftest import Place
from tests.bi.test_clients import blocks, clients, node_script

pytestmark = pytest.mark.slow

__all__ = ["clients"]
SECONDS = 150
READ_ALL = """
import { writeSync } from 'node:fs';
const connection = db.connect();
for (const relation of JSON.parse(process.env.RELATIONS)) {
  const read = connection.query(`from ${relation}`);
  writeSync(1, JSON.stringify([relation, read.numRows]) + '\\n');
}
"""


def test_the_page(clients: Path, place: Place, tmp_path: Path) -> None:
    (code,) = blocks("wasm.md", "js")
    [expected] = place.rows("select sum(run_count), sum(total_usd) from marts.spend_daily")
    assert place.run("node", node_script(clients, tmp_path, code)).split() == [*map(str, expected)]


def test_every_table_and_view_can_be_read_whole(clients: Path, place: Place, tmp_path: Path) -> None:
    (code,) = blocks("wasm.md", "js")
    opened = code.split("const query")[0]
    names = place.rows("select table_schema || '.' || table_name from information_schema.tables order by all")
    relations = [str(name) for (name,) in names]
    expected = [[name, place.rows(f"select count(*) from {name}")[0][0]] for name in relations]
    script = node_script(clients, tmp_path, opened + READ_ALL)
    with subprocess.Popen(
        ["node", script],
        cwd=place.folder,
        env=os.environ | {"RELATIONS": json.dumps(relations)},
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        try:
            told, _ = reader.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            reader.kill()
            told, _ = reader.communicate()
    assert [json.loads(line) for line in told.splitlines()] == expected
