"""backup and restore as a person runs them."""

from pathlib import Path

import pytest

from pipelines.settings import Settings
from tests.cli.conftest import BODY_TIME, run
from tests.support.polled_world import core_rows


@pytest.mark.slow
def test_a_warehouse_that_is_lost_comes_back(
    published: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = core_rows(Settings.load())
    assert run("backup", "safe") == 0
    assert capsys.readouterr().out == "backed up 1 poll, 1 of them new: safe\n"
    monkeypatch.setenv("RECOUP_WAREHOUSE_DIR", "again")
    assert run("restore", "safe") == 0
    assert capsys.readouterr().out == "restored 1 poll; next: recoup-warehouse publish\n"
    # The build that was published is no part of a backup.
    assert core_rows(Settings.load())["build_context"] == []
    assert run("build", "--at", BODY_TIME) == 0
    after = core_rows(Settings.load())
    # When checks were made is told by the next build, of publishes by the next publish.
    assert {**after, "check_results": [], "publishes": before["publishes"]} == before
    assert len(before["publishes"]) == 1
    assert run("publish") == 0
    [row] = core_rows(Settings.load())["publishes"][:1]
    assert row == before["publishes"][0]
    assert published.exists()


@pytest.mark.slow
@pytest.mark.usefixtures("published")
def test_a_warehouse_in_use_is_not_restored_into(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("backup", "safe") == 0
    assert run("restore", "safe") == 2
    assert "warehouse is in use; restore into a new folder" in capsys.readouterr().err


def test_a_folder_without_a_backup_is_named(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("restore", "nothing") == 2
    assert "nothing holds no backup" in capsys.readouterr().err
    assert run("backup", "safe") == 10
    assert "there is no warehouse in" in capsys.readouterr().err
    assert not (own_folder / "safe").exists()
