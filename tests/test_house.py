"""The rules of the house that a machine can hold: names of files, who reads the environment, length, errors told.

What documents say of settings, commands and tables is in test_docs.py.
"""

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from pipelines.errors import RecoupError
from tests.support.repository import ROOT, module, tracked

README = ROOT / "README.md"
LONGEST_MODULE = 250
# Files that prose may name although they are not here: a user's own file, the examples of a model's two files.
OUTSIDE_FILES = {"question.sql", "x.sql", "x.yml"}
FILE_NAME = re.compile(r"(?<![\w./<>*{-])[\w./-]+\.(?:py|sql|yml|md)\b(?!\()")


def written_for_people(path: Path) -> list[str]:
    """What people read of a file that names a file which is not there: a document, or comments and docstrings."""
    text = path.read_text(errors="replace")
    if all(is_there(name, path.parent) for name in FILE_NAME.findall(text)):
        return []  # nothing in the file can be amiss, and reading Python takes long
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
        named = set(FILE_NAME.findall(ast.get_docstring(module("settings.py")) or ""))
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

    @pytest.mark.xdist_group("house")
    def test_what_is_one_group_stays_in_one_process(self, request: pytest.FixtureRequest) -> None:
        """pytest-xdist groups by what it adds to a test's id; where pytest ignores that, groups part in silence."""
        if not getattr(request.config.option, "loadgroup", False):
            pytest.skip("no groups were asked for")
        assert request.node.nodeid.endswith("@house")


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
