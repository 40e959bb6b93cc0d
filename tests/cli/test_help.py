"""Help: examples, options and exit codes, and that no command imports more than it needs."""

import subprocess
import sys

import click
import pytest

from pipelines.cli import main as cli
from pipelines.errors import RecoupError
from tests.cli.conftest import run


class TestHelp:
    """Nobody has to read the source to use a command."""

    @pytest.mark.parametrize("name", list(cli.cli.commands))
    def test_every_command_shows_examples(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(name, "--help") == 0
        text = capsys.readouterr().out
        assert f"recoup-warehouse {name}" in text.partition("Example")[2]

    @pytest.mark.parametrize("name", list(cli.cli.commands))
    def test_every_option_says_what_it_does(self, name: str) -> None:
        options = [one for one in cli.cli.commands[name].params if isinstance(one, click.Option)]
        assert all(option.help for option in options)

    def test_exit_codes_are_listed(self, capsys: pytest.CaptureFixture[str]) -> None:
        run("--help")
        text = capsys.readouterr().out
        for kind in RecoupError.__subclasses__():
            assert f" {kind.exit_code}  " in text

    def test_exit_codes_are_distinct(self) -> None:
        kinds = RecoupError.__subclasses__()
        assert len({kind.exit_code for kind in kinds}) == len(kinds)

    @pytest.mark.parametrize(
        ("arguments", "forbidden"),
        [
            (["--help"], ("dagster", "duckdb", "pydantic", "httpx", "rich")),
            (["query", "select 1"], ("dagster", "httpx")),
        ],
    )
    def test_a_command_imports_only_what_it_needs(self, arguments: list[str], forbidden: tuple[str, ...]) -> None:
        code = (
            "import sys; from pipelines.cli import main; main.run(sys.argv[1:]); "
            "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
        )
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        assert not set(forbidden) & set(done.stderr.split("\n")[-2].split())
