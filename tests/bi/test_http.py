"""docs/bi/http.md, word for word: a real DuckDB attaches what `serve` serves, also while copies are published."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bi.conftest import ROOT, Place
from tests.bi.test_clients import blocks, clients, publish_one_more_run

pytestmark = pytest.mark.slow

__all__ = ["clients"]
ADDRESS = "http://127.0.0.1:8788"
COUNT = "select count(*) from recoup.core.runs"


@contextmanager
def served(place: Place, *options: str, **environment: str) -> Iterator[None]:
    command = [sys.executable, "-c", "import pipelines.cli.main as c; c.main()", *options]
    variables = os.environ | {"PYTHONPATH": str(ROOT), "RECOUP_HOME": str(place.folder)} | environment
    with subprocess.Popen(command, cwd=place.folder, env=variables, stdout=subprocess.DEVNULL) as server:
        try:
            _wait()
            yield
        finally:
            server.terminate()


def _wait() -> None:
    for _ in range(200):
        try:
            urllib.request.urlopen(f"{ADDRESS}/current.json").close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail("serve did not start within 20 seconds")


@pytest.fixture
def home(clients: Path, place: Place, tmp_path: Path) -> Path:
    """A home with httpfs in it, as the page says for machines behind a firewall."""
    [code] = re.findall(r'`python -c "(.*?)"`', (ROOT / "docs/bi/http.md").read_text())
    place.run(clients / "bin/python", "-c", code, HOME=str(tmp_path))
    return tmp_path


def test_the_page(clients: Path, place: Place, home: Path) -> None:
    [serve] = blocks("http.md", "bash")
    [code] = blocks("http.md", "python")
    [expected] = place.rows("select count(*), sum(total_usd) from marts.spend_daily")
    with served(place, *serve.split()[1:]):
        assert place.run(clients / "bin/python", "-c", code, HOME=str(home)).split() == [*map(str, expected)]


def test_a_copy_that_is_attached_stays_when_a_newer_one_is_published(clients: Path, place: Place, home: Path) -> None:
    [code] = blocks("http.md", "python")
    kept = code.replace("print(", f"print(con.execute({COUNT!r}).fetchone()[0], flush=True); input(); print(")
    kept += f"    print(con.execute({COUNT!r}).fetchone()[0])\n"
    again = code.replace("print(", f"print(con.execute({COUNT!r}).fetchone()[0]); print(")
    python, environment = clients / "bin/python", {"HOME": str(home)}
    with served(place, "serve"):
        pipe = subprocess.PIPE
        with subprocess.Popen(
            [python, "-c", kept], env=os.environ | environment, stdin=pipe, stdout=pipe, text=True
        ) as reader:
            assert reader.stdout
            before = int(reader.stdout.readline())
            publish_one_more_run(place)
            told, _ = reader.communicate("\n")
        assert int(told.splitlines()[-1]) == before
        assert int(place.run(python, "-c", again, **environment).splitlines()[0]) == before + 1


def test_with_a_token(clients: Path, place: Place, home: Path) -> None:
    with served(place, "serve", RECOUP_SERVE_TOKEN="s3cret"):
        request = urllib.request.Request(f"{ADDRESS}/current.json", headers={"Authorization": "Bearer s3cret"})
        with urllib.request.urlopen(request) as answer:
            newest = json.load(answer)
        code = f"""
import duckdb
con = duckdb.connect()
con.execute("load httpfs")
attach = "attach '{ADDRESS}{newest["database"]}' as recoup (read_only)"
try:
    con.execute(attach)
except duckdb.Error:
    print("refused")
con.execute("create secret (type http, bearer_token 's3cret')")
con.execute(attach)
print(con.execute({COUNT!r}).fetchone()[0])
"""
        told = place.run(clients / "bin/python", "-c", code, HOME=str(home)).split()
    assert told == ["refused", str(place.rows("select count(*) from core.runs")[0][0])]
