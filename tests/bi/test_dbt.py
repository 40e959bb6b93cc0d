"""docs/bi/dbt.md, word for word, with a real dbt: sources are found, tested and fresh."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.bi.conftest import Place, environment
from tests.bi.test_clients import PAGES, blocks

pytestmark = pytest.mark.slow


@pytest.fixture
def project(place: Place) -> Path:
    """A project as the page tells to make one, in the folder that its paths start from."""
    [profile], [model] = blocks("dbt.md", "yaml"), blocks("dbt.md", "jinja")
    (place.folder / "models").mkdir()
    shutil.copy(PAGES / "dbt_sources.yml", place.folder / "models")
    (place.folder / "profiles.yml").write_text(profile)
    (place.folder / "dbt_project.yml").write_text("name: mine\nprofile: mine\n")
    (place.folder / "models/spend.sql").write_text(model)
    return place.folder


def test_sources_are_built_upon_tested_and_fresh(project: Path, place: Place) -> None:
    programs = environment(".venv-dbt", "test-bi") / "bin"
    [commands] = blocks("dbt.md", "bash")
    shell = ("env", f"PATH={programs}:/usr/bin:/bin", "DO_NOT_TRACK=1", "DBT_USE_COLORS=0", "sh", "-ec")
    told = place.run(*shell, commands)
    assert re.search(r"PASS=(\d+) WARN=0 ERROR=0", told)
    results = json.loads((project / "target/sources.json").read_text())["results"]
    assert [(result["status"], result["unique_id"].split(".")[-1]) for result in results] == [
        ("pass", "warehouse_info")
    ]
    [(count,)] = place.rows("select count(distinct account_id) from marts.spend_daily")
    count_built = (
        "import duckdb; print(duckdb.connect('mine.duckdb').execute('select count(*) from spend').fetchone()[0])"
    )
    assert int(place.run(programs / "python", "-c", count_built)) == count
