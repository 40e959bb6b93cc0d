"""Models that were kept are the models of the files, or they are made again."""

import shutil
from pathlib import Path

import pytest

from pipelines.paths import SQL_DIR
from pipelines.transform.load_models import load_models
from pipelines.transform.model_cache import Models, kept_or_made
from pipelines.user_cache import cache_dir

MODELS = load_models()


class Maker:
    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> Models:
        self.made += 1
        return MODELS


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Maker()


def test_the_same_files_are_read_once(make: Maker) -> None:
    assert [kept_or_made(SQL_DIR, make), kept_or_made(SQL_DIR, make)] == [MODELS, MODELS]
    assert make.made == 1


@pytest.mark.parametrize("name", ["core/05_runs.sql", "marts/run_facts.yml", "macros/money.sql", "seeds/statuses.csv"])
def test_a_changed_file_is_read_again(make: Maker, tmp_path: Path, name: str) -> None:
    for folder in ("core", "macros", "marts", "seeds"):
        shutil.copytree(SQL_DIR / folder, tmp_path / folder)
    kept_or_made(tmp_path, make)
    with (tmp_path / name).open("a") as file:
        file.write("\n")
    kept_or_made(tmp_path, make)
    assert make.made == 2
    assert len(list(cache_dir().iterdir())) == 1


def test_a_damaged_file_is_none(make: Maker) -> None:
    kept_or_made(SQL_DIR, make)
    [kept] = cache_dir().iterdir()
    for damaged in (b"", kept.read_bytes()[:-9], b"\xff" * 20):
        kept.write_bytes(damaged)
        assert kept_or_made(SQL_DIR, make) == MODELS
    assert make.made == 4


def test_does_without_a_cache(make: Maker, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    assert kept_or_made(SQL_DIR, make) == kept_or_made(SQL_DIR, make) == MODELS
    assert make.made == 2
