"""Nobody blocks anybody: a whole night runs while a reader holds the published file, and no page sends one elsewhere.

Publishing itself is tested in test_publish.py; many readers and kills in tests/torture/.
"""

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from pipelines.clock import fixed
from pipelines.database.connection import open_published
from pipelines.ingest.poll import poll
from pipelines.nightly import nightly
from pipelines.recoup.client import RecoupClient
from pipelines.settings import Settings
from tests.support.bodies import NOON, body, run, task
from tests.support.publish_harness import publish_at

ROOT = Path(__file__).resolve().parents[2]
# Counts runs, and again after a line came in, over one connection that stays open all the time.
HOLD = """
import sys, duckdb
with duckdb.connect(sys.argv[1], read_only=True) as con:
    for _ in range(2):
        print(con.execute("select count(*) from core.runs").fetchone()[0], flush=True)
        sys.stdin.readline()
"""


@pytest.mark.slow
def test_a_night_runs_to_its_end_while_a_reader_holds_the_published_file(tmp_path: Path) -> None:
    settings = Settings.load(warehouse_dir=tmp_path / "w", api_key="recoup_sk_x", privacy_key="k", run_details="off")
    (tmp_path / "saved.json").write_bytes(body([task(runs=[run("run_1")])]))
    poll(settings, clock=fixed(NOON), load_files=[tmp_path / "saved.json"])
    published = publish_at(settings.layout, NOON)
    command = [sys.executable, "-c", HOLD, str(settings.layout.published_file)]
    with subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "1\n"
        now = NOON + timedelta(hours=3)
        answer = httpx.MockTransport(
            lambda _: httpx.Response(
                200, content=body([task(runs=[run("run_2", now - timedelta(hours=1)), run("run_1")])])
            )
        )
        with RecoupClient(settings, clock=fixed(now), transport=answer) as client:
            report = nightly(settings, clock=fixed(now), client=client)
        assert report.snapshot.number == published.number + 1
        told, _ = reader.communicate("again\n")
    assert told == "1\n", "the open connection must stay on its copy"
    with open_published(settings.layout) as con:
        assert con.execute("select count(*) from core.runs").fetchall() == [(2,)]


@pytest.mark.parametrize("page", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "warehouse/README.md"]))
def test_no_page_opens_the_work_file(page: Path) -> None:
    code = "\n".join(re.findall(r"```.*?```", page.read_text(), re.DOTALL)) if page.exists() else ""
    assert "work/" not in code
