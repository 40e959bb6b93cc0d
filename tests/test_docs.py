"""What is written agrees with what is there: settings, commands, exit codes, tables, links, queries, house rules.

Each test fails in both directions: something new that is not documented, something documented that is gone.
"""

import ast
import io
import re
import subprocess
import tokenize
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from dotenv import dotenv_values

from pipelines.cli import main as cli
from pipelines.cli.command_reference import CLI_DOC, reference
from pipelines.errors import RecoupError
from pipelines.settings import Settings
from pipelines.transform.load_models import load_models
from pipelines.transform.model import Model
from tests.support.warehouse_builder import WarehouseBuilder

ROOT = Path(__file__).resolve().parent.parent
LONGEST_MODULE = 250
README = ROOT / "README.md"
RUNBOOK = ROOT / "docs" / "runbook.md"
TABLES = ROOT / "warehouse" / "README.md"
EXAMPLE = ROOT / ".env.example"
# Files that prose may name although they are not here: a user's own file, the examples of a model's two files.
OUTSIDE_FILES = {"question.sql", "x.sql", "x.yml"}
FILE_NAME = re.compile(r"(?<![\w./<>*{-])[\w./-]+\.(?:py|sql|yml|md)\b(?!\()")
BINARY = {".png", ".zst", ".duckdb", ".ico", ".woff2", ".gz", ".zip"}


@cache
def tracked() -> tuple[Path, ...]:
    """The files that are committed, or would be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("not a git work tree")
    paths = (ROOT / name for name in listed.stdout.splitlines())
    return tuple(path for path in paths if path.is_file() and path.suffix not in BINARY)


@cache
def documentation() -> str:
    """Everything that is written for people."""
    return "\n".join(path.read_text() for path in tracked() if path.suffix == ".md")


@cache
def models() -> tuple[Model, ...]:
    """The real models."""
    return load_models()


def written_for_people(path: Path) -> list[str]:
    """The texts of a file that people read: all of a document, the comments and docstrings of code."""
    text = path.read_text(errors="replace")
    if path.suffix == ".py":
        return [*_docstrings(text), *_comments(text)]
    if path.suffix in (".md", ".yml"):
        return [text]
    mark = {".sql": "--", ".yaml": "#", ".toml": "#"}.get(path.suffix, "#" if path.name in ("Makefile", "run") else "")
    return [line.partition(mark)[2] for line in text.splitlines() if mark and mark in line]


def _docstrings(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def _comments(text: str) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def is_there(name: str, folder: Path) -> bool:
    """Tell whether a name leads to one file: from the root, from pipelines/, from beside it, or by its last part."""
    if name in OUTSIDE_FILES or any((base / name).is_file() for base in (ROOT, ROOT / "pipelines", folder)):
        return True
    return _last_parts()[name] == 1


@cache
def _last_parts() -> Counter[str]:
    return Counter(path.name for path in tracked())


class TestSettings:
    """`.env.example` is the list of all variables."""

    def test_every_variable_is_in_the_example_and_no_other(self) -> None:
        known = {f"RECOUP_{name.upper()}" for name in Settings.model_fields}
        assert set(dotenv_values(EXAMPLE)) == known

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
        assert named <= set(dotenv_values(EXAMPLE))


class TestCommands:
    """README and docs show every command; what they show exists."""

    @pytest.mark.parametrize("name", list(cli.cli.commands))
    def test_every_command_is_shown_in_prose(self, name: str) -> None:
        prose = documentation().replace(CLI_DOC.read_text(), "")
        assert f"recoup-warehouse {name}" in prose or f"make {name}" in prose

    def test_the_reference_is_fresh(self) -> None:
        assert CLI_DOC.read_text() == reference(), "run `make docs` and commit what it writes"

    def test_no_command_is_shown_that_is_gone(self) -> None:
        shown = set(re.findall(r"(?:`|^|/|&& |;\s)recoup-warehouse (?:--traceback )?([a-z]+)", documentation(), re.M))
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
        drawn = dict(re.findall(r"[├└]── (\w+).*exit (\d+)", ast.get_docstring(_module("errors.py")) or ""))
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


class TestNamedFiles:
    """Documents, docstrings and comments name no file that is not there."""

    def test_every_named_file_exists(self) -> None:
        gone = {
            (path.relative_to(ROOT).as_posix(), name)
            for path in tracked()
            for text in written_for_people(path)
            for name in FILE_NAME.findall(text)
            if not is_there(name, path.parent)
        }
        assert gone == set()

    def test_a_file_that_is_gone_or_could_be_two_is_noticed(self) -> None:
        text = "Sending belongs to client.py, keeping to archive.py; see conftest.py and docs/runbook.md."
        named = FILE_NAME.findall(text)
        assert [name for name in named if not is_there(name, ROOT)] == ["archive.py", "conftest.py"]


class TestEnvironment:
    """What settings.py says about who else looks into the environment."""

    def test_only_the_modules_named_by_settings_touch_the_environment(self) -> None:
        named = set(FILE_NAME.findall(ast.get_docstring(_module("settings.py")) or ""))
        touching = {
            path.relative_to(ROOT / "pipelines").as_posix()
            for path in (ROOT / "pipelines").rglob("*.py")
            if re.search(r"\bos\.(environb?|getenvb?|putenv)\b|from os import", path.read_text())
        }
        assert touching == named


class TestHouse:
    """The rules of CONTRIBUTING.md that a machine can hold."""

    def test_links_lead_somewhere(self) -> None:
        for path in (path for path in tracked() if path.suffix == ".md"):
            for target in re.findall(r"\]\((?!http)([^)#]*)", path.read_text()):
                assert (path.parent / target).exists(), (path.name, target)

    def test_modules_are_short_and_say_what_belongs_in_them(self) -> None:
        for path in (ROOT / "pipelines").rglob("*.py"):
            text = path.read_text()
            assert text.count("\n") <= LONGEST_MODULE, path
            assert ast.get_docstring(ast.parse(text)), path

    def test_time_and_environment_have_one_reader(self) -> None:
        for path in (ROOT / "pipelines").rglob("*.py"):
            text = path.read_text()
            assert path.name == "clock.py" or not re.search(r"\b(datetime\.now|utcnow|time\.time)\(", text), path

    def test_public_functions_say_which_errors_they_raise(self) -> None:
        """Only a `raise` of their own; the help of a command is no docstring for programmers, and has exit codes."""
        found = {
            (path.name, function.name, error): bool(re.search(rf"\b{error}\b", ast.get_docstring(function) or ""))
            for path in (ROOT / "pipelines").rglob("*.py")
            for function in ast.walk(ast.parse(path.read_text()))
            if isinstance(function, ast.FunctionDef) and not function.name.startswith("_")
            if not any("command" in ast.unparse(decorator) for decorator in function.decorator_list)
            for error in _raised_by(function)
        }
        assert len(found) > 10
        assert [place for place, is_said in found.items() if not is_said] == []

    def test_nothing_names_a_registry_or_this_machine(self) -> None:
        # Put together here, so that this file does not name them either.
        hosts = [".".join(parts) for parts in (("pypi", "org"), ("npmjs", "org"), ("npmjs", "com"), ("crates", "io"))]
        hosts.append("python" + "hosted")
        homes = "|".join(["ro" + "ot", "wo" + "rk", "Us" + r"ers/\w+", "ho" + r"me/\w+"])
        folders = re.compile(rf"(?<![\w.])/(?:{homes})/")
        for path in tracked():
            text = path.read_text(errors="replace")
            assert not [host for host in hosts if host in text], path
            assert not folders.findall(text), path

    def test_documented_lines_stay_readable(self) -> None:
        assert README.read_text().count("\n") <= 100


def _raised_by(function: ast.AST) -> set[str]:
    """Names of this project's errors after a `raise` in the function, without functions inside it."""
    kinds = {"RecoupError"} | {kind.__name__ for kind in RecoupError.__subclasses__()}
    names: set[str] = set()
    for node in ast.iter_child_nodes(function):
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            names |= {ast.unparse(node.exc.func)} & kinds
        names |= _raised_by(node)
    return names


def _module(name: str) -> ast.Module:
    return ast.parse((ROOT / "pipelines" / name).read_text())
