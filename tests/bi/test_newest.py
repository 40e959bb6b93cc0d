"""The Python of every page with the newest DuckDB says what it says with the locked one (which test_clients.py judges)."""

from pathlib import Path

import pytest

from tests.bi.conftest import Place, environment
from tests.bi.test_clients import PAGES, blocks, clients, python

pytestmark = pytest.mark.slow

__all__ = ["clients"]
VERSION = "import duckdb; print(duckdb.__version__)"
# Extensions for the newest DuckDB are not on a package index, and http.md and lake.md need some; postgres.md needs a
# server, and its own clients (test_postgres.py).
OTHERS = {"http.md", "lake.md", "postgres.md"}
WITH_PYTHON = sorted({page.name for page in PAGES.glob("*.md") if "```python" in page.read_text()} - OTHERS)


@pytest.fixture(scope="session")
def newest() -> Path:
    return environment(".venv-bi-newest", "test-bi")


def test_it_is_newer(clients: Path, newest: Path, place: Place) -> None:
    locked, new = (
        [int(part) for part in place.run(each / "bin/python", "-c", VERSION).split(".")] for each in (clients, newest)
    )
    assert new > locked


@pytest.mark.parametrize("page", WITH_PYTHON)
def test_page(page: str, clients: Path, newest: Path, place: Place) -> None:
    if page == "parquet.md":
        [command] = blocks(page, "bash")
        place.cli(*command.split()[1:])
    told = python(newest, place, page)
    assert told
    assert told == python(clients, place, page)
