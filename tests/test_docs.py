"""What is written agrees with what is there: settings, commands, exit codes, tables, links, queries, house rules.

Each test fails in both directions: something new that is not documented, something documented that is gone.
"""

import ast
import re
from functools import cache

import pytest
from dotenv import dotenv_values

from pipelines.cli import main as cli
from pipelines.cli.command_reference import CLI_DOC, reference
from pipelines.cli.doctor.settings_and_api import known_variables
from pipelines.errors import RecoupError
from pipelines.home import HOME
from pipelines.settings import Settings
from pipelines.transform.load_models import load_models
from pipelines.transform.model import Model
from tests.support.repository import ROOT, documentation, module
from tests.support.warehouse_builder import WarehouseBuilder

README = ROOT / "README.md"
RUNBOOK = ROOT / "docs" / "runbook.md"
TABLES = ROOT / "warehouse" / "README.md"
EXAMPLE = ROOT / ".env.example"


@cache
def models() -> tuple[Model, ...]:
    """The real models."""
    return load_models()


class TestSettings:
    """`.env.example` is the list of all variables."""

    def test_every_variable_is_in_the_example_and_no_other(self) -> None:
        assert set(dotenv_values(EXAMPLE)) == set(known_variables()) - {HOME}  # which leads to the file
        assert HOME in EXAMPLE.read_text()

    def test_the_example_shows_the_defaults(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in dotenv_values(EXAMPLE):
            monkeypatch.delenv(name, raising=False)
        assert Settings(_env_file=EXAMPLE) == Settings(_env_file=None)

    def test_every_variable_has_a_comment(self) -> None:
        lines = EXAMPLE.read_text().splitlines()
        uncommented = [
            line for before, line in zip(lines, lines[1:], strict=False) if line[:1].isalpha() and before[:2] != "# "
        ]
        assert not uncommented

    def test_prose_names_no_variable_that_is_gone(self) -> None:
        named = set(re.findall(r"\bRECOUP_[A-Z_]+[A-Z]", documentation()))
        assert named <= set(known_variables())


class TestCommands:
    """README and docs show every command; what they show exists."""

    @pytest.mark.parametrize("name", list(cli.cli.commands))
    def test_every_command_is_shown_in_prose(self, name: str) -> None:
        prose = documentation().replace(CLI_DOC.read_text(), "")
        assert f"recoup-warehouse {name}" in prose or f"make {name}" in prose

    def test_the_reference_is_fresh(self) -> None:
        assert CLI_DOC.read_text() == reference(), "run `make docs` and commit what it writes"

    def test_no_command_is_shown_that_is_gone(self) -> None:
        shown = set(
            re.findall(
                r"(?:`|^|/|&& |;\s)recoup-warehouse (?:--traceback |--home \S+ )?([a-z]+)", documentation(), re.M
            )
        )
        assert shown <= set(cli.cli.commands), shown - set(cli.cli.commands)

    def test_every_target_of_the_makefile_is_explained(self) -> None:
        text = (ROOT / "Makefile").read_text()
        phony = set(re.findall(r"^\.PHONY: (.*)$", text, re.M)[0].split())
        explained = set(re.findall(r"^([a-z-]+):.*## \S", text, re.M))
        assert phony == explained

    def test_no_target_is_shown_that_is_gone(self) -> None:
        text = (ROOT / "Makefile").read_text()
        shown = set(re.findall(r"(?:`|^)make ([a-z-]+)", documentation(), re.M))
        assert shown <= set(re.findall(r"^([a-z-]+):", text, re.M))


class TestExitCodes:
    """The runbook has a row for each, named as in the code."""

    def test_every_code_is_in_the_runbook_and_no_other(self) -> None:
        rows = re.findall(r"^\| (\d+) \| (?:`(\w+)` )?\|", RUNBOOK.read_text(), re.M)
        named = {kind.exit_code: kind.__name__ for kind in RecoupError.__subclasses__()}
        assert {int(code): name for code, name in rows} == dict.fromkeys(cli.exit_codes(), "") | named

    def test_the_drawn_tree_is_true(self) -> None:
        drawn = dict(re.findall(r"[├└]── (\w+).*exit (\d+)", ast.get_docstring(module("errors.py")) or ""))
        assert drawn == {kind.__name__: str(kind.exit_code) for kind in RecoupError.__subclasses__()}


class TestTables:
    """The warehouse's README lists every table, and each has a description in the database."""

    def test_every_table_is_listed_and_no_other(self) -> None:
        listed = {
            name
            for row in re.findall(r"^\| (`[a-z_`, ]+) \| ", TABLES.read_text(), re.M)
            for name in re.findall(r"`(\w+)`", row)
        }
        assert listed == {model.name for model in models()}

    def test_every_table_and_column_is_described(self) -> None:
        assert [model.relation for model in models() if "One row " not in model.description] == []
        bare = [
            f"{model.relation}.{column.name}"
            for model in models()
            for column in model.columns
            if not column.description
        ]
        assert bare == []

    def test_prose_names_no_table_that_is_gone(self) -> None:
        named = set(re.findall(r"\b(?:core|marts)\.[a-z_]+(?!\w|\()", documentation()))
        known = {model.relation for model in models()}
        # A column may follow its table.
        assert {name for name in named if name not in known} == set()

    def test_queries_in_the_documentation_run(self) -> None:
        queries = re.findall(r"```sql\n(.*?)```", documentation(), re.S)
        assert len(queries) >= 4
        warehouse = WarehouseBuilder().task()
        warehouse.build()
        for query in queries:
            warehouse.con.execute(query).fetchall()
