"""One home: the folder that settings and warehouse belong to, wherever a command starts; no second one in silence."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import home as homes
from pipelines.cli import main as cli
from pipelines.errors import BadSettings
from pipelines.home import find_home
from pipelines.paths import CHECKOUT
from pipelines.settings import Settings
from tests.cli.conftest import BODY_TIME, run, save_body

# What each command needs of the warehouse; a new command must be put in one of these lists.
READING = {
    "query": ["select 1"], "summary": [], "incidents": [], "metrics": [], "report": [], "digest": [],
    "export": ["--out", "exported"], "backup": ["safe"], "serve": [], "mcp": [], "build": [],
    "explain": ["marts.task_health"], "publish": [], "rebuild": [], "lake": [], "verify": [], "answer": ["first", "1"],
}  # fmt: skip
MAKING = {"poll", "nightly", "demo", "dev", "restore"}
NEEDING_NONE = {"describe", "doctor", "simulate"}


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to start from, and nothing that names a home: as installed, with a home folder of the user."""
    monkeypatch.delenv("RECOUP_HOME")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setattr(homes, "CHECKOUT", None)
    for name in ("user", "project/deep/er"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project/deep/er")
    yield tmp_path


def test_every_command_is_in_one_list() -> None:
    assert {*READING} | MAKING | NEEDING_NONE == set(cli.cli.commands)


@pytest.mark.parametrize("command", READING)
def test_a_command_that_reads_says_that_nothing_is_there_and_makes_nothing(
    command: str, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(elsewhere.rglob("*"))
    assert run(command, *READING[command]) == 10
    (told,) = capsys.readouterr().err.splitlines()
    assert f"there is no warehouse in {elsewhere}/user/.local/share/recoup-warehouse/warehouse" in told
    assert "recoup-warehouse nightly" in told
    assert sorted(elsewhere.rglob("*")) == before


@pytest.mark.slow
def test_a_new_warehouse_is_told_once_and_read_from_every_folder(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (elsewhere / "project/.env").write_text("export RECOUP_PRIVACY_KEY=k\nRECOUP_WAREHOUSE_DIR=kept\n")
    body = save_body(elsewhere)
    for _ in range(2):
        assert run("poll", "--load", str(body), "--at", BODY_TIME) == 0
    assert capsys.readouterr().err.count(f"a new warehouse is made in {elsewhere}/project/kept\n") == 1
    assert run("publish") == 0
    for folder in ("project", "project/deep"):
        monkeypatch.chdir(elsewhere / folder)
        assert run("query", "select count(*) from core.runs") == 0
    monkeypatch.chdir(elsewhere)
    assert run("--home", "project", "query", "select 1") == 0
    assert not list(elsewhere.rglob("*/warehouse"))


def test_the_nearest_env_of_ours_wins_and_others_are_passed_by(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_home().folder == elsewhere / "user/.local/share/recoup-warehouse"
    (elsewhere / ".env").write_text("RECOUP_API_KEY=\n")
    (elsewhere / "project/deep/.env").write_text("# RECOUP_API_KEY=\nOTHER=1\n")
    assert (find_home().folder, find_home().env_file) == (elsewhere, elsewhere / ".env")
    (elsewhere / "project/.env").write_bytes(b"\xff\nrecoup_reporting_timezone=Mars/Base\n")
    assert find_home().folder == elsewhere / "project"
    with pytest.raises(BadSettings, match="not UTF-8"):
        Settings.load()
    monkeypatch.setattr(homes, "CHECKOUT", elsewhere / "project/deep")
    assert find_home().folder == elsewhere / "project/deep"
    monkeypatch.chdir("/")
    assert find_home().folder == elsewhere / "project/deep"
    assert find_home({"RECOUP_HOME": str(elsewhere)}).folder == elsewhere


def test_the_checkout_is_home_wherever_its_program_is_started(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(homes, "CHECKOUT", CHECKOUT)
    monkeypatch.chdir("/")
    assert find_home().folder == CHECKOUT == Path(__file__).resolve().parents[2]


def test_relative_settings_begin_at_home(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / "project/.env").write_text("RECOUP_BUDGETS_FILE=b.csv\nRECOUP_INCIDENT_LIMITS_FILE=l.yml\n")
    monkeypatch.setenv("RECOUP_WAREHOUSE_DIR", "../beside")
    settings = Settings.load()
    assert settings.layout.root == elsewhere / "beside"
    assert settings.budgets_path == elsewhere / "project/b.csv"
    assert settings.incident_limits_path == elsewhere / "project/l.yml"


@pytest.mark.parametrize(
    ("named", "why"), [("relative", "must be an absolute path"), ("/does/not/exist", "there is no folder")]
)
def test_a_home_that_is_none_is_refused(named: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOUP_HOME", named)
    with pytest.raises(BadSettings, match=why):
        Settings.load()
    assert run("doctor") == 1


def test_a_user_without_a_home_folder_must_name_one(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(elsewhere))
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    with pytest.raises(BadSettings, match="no home folder"):
        find_home()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away, and be somebody else")
def test_an_env_of_somebody_else_is_not_read_unless_its_folder_is_named(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory() as shared:  # pytest's own folders are for one user only
        Path(shared).chmod(0o755)
        monkeypatch.chdir(shared)
        refuse_a_foreign_env(Path(shared) / ".env")
        monkeypatch.chdir(elsewhere)


def refuse_a_foreign_env(file: Path) -> None:
    file.write_text("RECOUP_API_URL=https://evil.example\n")
    os.chown(file, 12345, -1)
    assert find_home().folder == file.parent  # root may read all
    os.seteuid(54321)
    try:
        with pytest.raises(BadSettings, match="belongs to another user"):
            find_home()
        assert find_home({"RECOUP_HOME": str(file.parent)}).env_file == file
    finally:
        os.seteuid(0)


def test_a_warehouse_here_that_the_settings_do_not_mean_is_named_and_none_is_made_beside_it(
    published: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = Path.cwd()
    shutil.move(published, here / "warehouse")
    assert run("query", "select 1") == 10
    assert f"`recoup-warehouse --home {here} ...`" in capsys.readouterr().err
    assert run("poll", "--load", str(save_body(elsewhere))) == 2
    assert f"--home {here}" in capsys.readouterr().err
    assert run("--home", ".", "query", "select 1") == 0


def test_the_current_folder_may_be_gone(elsewhere: Path) -> None:
    gone = Path.cwd()
    gone.rmdir()
    assert find_home().folder == elsewhere / "user/.local/share/recoup-warehouse"
    assert run("summary") == 10


def test_the_doctor_says_where_all_was_taken_from(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (elsewhere / "project/.env").write_text(f"RECOUP_WAREHOUSE_DIR=kept\nRECOUP_HOME={elsewhere}\n")
    run("doctor")
    told = capsys.readouterr().out
    assert f"home is {elsewhere}/project: the nearest folder with a .env" in told
    assert f"{elsewhere}/project/.env was read" in told
    assert f"makes it in {elsewhere}/project/kept (RECOUP_WAREHOUSE_DIR .env)" in told
    assert f"RECOUP_HOME in {elsewhere}/project/.env is not read" in told
