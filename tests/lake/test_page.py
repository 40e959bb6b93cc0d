"""The commands fill a lake in PostgreSQL and S3 with all tables; the code of docs/bi/lake.md reads it, word for word."""

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from pipelines.database.connection import open_published
from pipelines.lake.connection import extension_file, extensions_of
from pipelines.settings import Settings
from tests.cli.conftest import BODY_TIME, save_body
from tests.lake.conftest import Services
from tests.support.lake_harness import ask, differences, local_settings
from tests.support.repository import ROOT
from tests.support.seaweed_server import READER

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("lake")]

PAGE = ROOT / "docs/bi/lake.md"
COMMAND = "import sys; from pipelines.cli.main import main; main()"


@pytest.fixture(scope="module")
def filled(services: Services, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, str]:
    """A warehouse that the commands made of a saved body, whose `publish` also filled a lake; and what it told."""
    folder, places = tmp_path_factory.mktemp("home"), services.new_places()
    variables = {f"RECOUP_{name.upper()}": value for name, value in places.items()}
    environment = os.environ | variables | {"RECOUP_HOME": str(folder), "PYTHONPATH": str(ROOT)}
    steps = (("poll", "--load", str(save_body(folder)), "--at", BODY_TIME), ("build", "--at", BODY_TIME), ("publish",))
    for step in steps:
        command = [sys.executable, "-c", COMMAND, *step]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
    return local_settings(folder, **places), done.stdout


def test_publish_fills_a_lake_with_every_table_and_view(filled: tuple[Settings, str]) -> None:
    settings, told = filled
    assert re.search(r"lake: snapshot 1 is its version \d+ \(wrote \d+ days of \d+ tables\)", told)
    assert differences(settings) == []
    counts = "select count(*) from duckdb_{}() where database_name = '{}' and schema_name in ('core', 'marts')"
    for kind in ("tables", "views"):
        with open_published(settings.layout) as con:
            [(published,)] = con.execute(counts.format(kind, "recoup")).fetchall()
        assert ask(settings, counts.format(kind, "lake")) == [(published,)]
        assert published > 5


def test_the_code_of_the_page_reads_it_with_rights_to_read_alone(
    filled: tuple[Settings, str], services: Services, tmp_path: Path
) -> None:
    settings, _ = filled
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (database,) = re.findall(r"dbname=(\w+)", settings.lake_catalog or "")
    services.postgres.execute(
        database, "create role reader login; grant select on all tables in schema public to reader"
    )
    for there, here in {
        "s3.example:9000": f"127.0.0.1:{services.s3.port}",
        "use_ssl true": "use_ssl false",
        "host=db.example dbname=lake": f"host=127.0.0.1 port={services.postgres.port} dbname={database}",
    }.items():
        assert there in code
        code = code.replace(there, here)
    _install_extensions(settings, tmp_path)
    variables = {"HOME": str(tmp_path), "READER_KEY_ID": READER[0], "READER_SECRET": READER[1]}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    with open_published(settings.layout) as con:
        [(tasks,)] = con.execute("select count(*) from marts.task_health").fetchall()
        [spend] = con.execute("select sum(total_usd), sum(runs_missing_count) from marts.spend_daily").fetchall()
        [(runs,)] = con.execute("select count(*) from core.runs").fetchall()
    lines = done.stdout.splitlines()
    assert (lines[:2], lines[-1]) == ([str(tasks), str(spend)], str(runs))
    assert re.fullmatch(r"\d+ snapshot 1 of .* UTC", lines[2])


def _install_extensions(settings: Settings, home: Path) -> None:
    """Put the extensions where `install` puts them, which would ask the internet."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    folder = home / f".duckdb/extensions/v{duckdb.__version__}/linux_{machine}"
    folder.mkdir(parents=True)
    for name in extensions_of(settings):
        shutil.copy(extension_file(name), folder)
