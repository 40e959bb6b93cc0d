"""How commands end when something is wrong: one line, what to do next, and the exit code of its kind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.console.one_line import one_line
from tests.cli.conftest import run

PROGRAM = Path(sys.executable).parent / "recoup-warehouse"


class TestErrors:
    """One line, what and where and what next, and the exit code of its kind."""

    def test_a_missing_key_names_the_variable(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("poll") == 4
        lines = capsys.readouterr().err.splitlines()[1:]  # the first says that a new warehouse is made
        assert len(lines) == 1
        assert lines[0].startswith("recoup-warehouse: ")
        assert "RECOUP_API_KEY" in lines[0]

    def test_a_bad_setting_names_the_variable_and_not_the_value(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("RECOUP_API_URL", "http://api.example?token=hush")
        assert run("nightly") == 2
        text = capsys.readouterr().err
        assert "RECOUP_API_URL" in text
        assert "hush" not in text

    def test_settings_that_are_not_utf8(self, own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (own_folder / ".env").write_bytes(b"RECOUP_API_KEY=hush\xff\n")
        assert run("nightly") == 2
        text = capsys.readouterr().err
        assert f"{own_folder / '.env'} is not UTF-8" in text
        assert "hush" not in text

    def test_a_bad_instant(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("poll", "--at", "yesterday") == 2
        assert "'yesterday' is not an ISO instant" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "arguments", [["nonsense"], ["poll", "--no-such-option"], ["poll", "stray.json"], ["query"]]
    )
    def test_wrong_usage(self, arguments: list[str]) -> None:
        assert run(*arguments) == 2

    def test_nothing_published(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("summary") == 10
        assert run("query", "select 1") == 10
        assert "recoup-warehouse nightly" in capsys.readouterr().err

    @pytest.mark.slow
    def test_a_body_that_is_not_tasks(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        page = tmp_path / "page.html"
        page.write_text("<html></html>")
        assert run("poll", "--load", str(page)) == 5
        assert capsys.readouterr().err.splitlines()[1].startswith("recoup-warehouse: ")

    def test_the_unexpected_says_how_to_see_more(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("warehouse/archive").mkdir(parents=True)
        monkeypatch.setattr("pipelines.console.summary.print_summary", _explode)
        assert run("summary") == 1
        text = capsys.readouterr().err
        assert text.count("\n") == 1
        assert "recoup-warehouse --traceback summary" in text
        assert run("--traceback", "summary") == 1
        assert "Traceback (most recent call last)" in capsys.readouterr().err

    def test_control_characters_never_reach_the_terminal(self) -> None:
        assert one_line("bad\x1b[31m \r\n title\x07") == "bad[31m title"


def _explode(*_: object) -> None:
    raise ZeroDivisionError("on\npurpose")


@pytest.mark.slow
def test_ctrl_c_ends_the_simulator_with_130() -> None:
    process = subprocess.Popen(
        [PROGRAM, "simulate", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert "Simulated Recoup API at http://127.0.0.1:" in process.stdout.readline()
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors.strip() == "recoup-warehouse: interrupted"
