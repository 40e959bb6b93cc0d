"""House rules of sql/ that a machine can read. What the statements mean is tested where they are used."""

import ast
import re
from pathlib import Path

import pytest

from pipelines.paths import SQL_DIR

PIPELINES = Path(__file__).resolve().parents[2] / "pipelines"
INSERT = re.compile(r"^\s*insert into (\S+)(?P<rest>[^\n]*)", re.MULTILINE)
# Longer texts hide from those who read sql/; a query of a line or two reads best where it is asked.
MOST_LINES = 3
QUERY = re.compile(r"^\s*(--[^\n]*\n\s*)*(select|with|insert into|update|delete from|create|from)\s")


def files(pattern: str) -> list[Path]:
    return sorted(SQL_DIR.glob(pattern))


@pytest.mark.parametrize("path", files("*/*.sql"), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_insert_names_its_columns(path: Path) -> None:
    """By position, a column added in between would move all values after it."""
    by_position = [found[0].strip() for found in INSERT.finditer(path.read_text("utf-8")) if "by name" not in found[0]]
    assert by_position == []


@pytest.mark.parametrize(
    "path",
    [path for path in files("*/*.sql") if path.parent.name not in ("core", "seeds")],
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_every_file_says_first_what_it_is_for(path: Path) -> None:
    assert path.read_text("utf-8").startswith("-- ")


def long_queries(path: Path) -> list[str]:
    texts = [
        node.value
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return [text for text in texts if QUERY.match(text) and len(text.strip().splitlines()) > MOST_LINES]


@pytest.mark.parametrize(
    "path", sorted(PIPELINES.rglob("*.py")), ids=lambda path: path.relative_to(PIPELINES).as_posix()
)
def test_long_queries_live_in_sql(path: Path) -> None:
    assert long_queries(path) == []


def test_each_statement_is_read_by_the_module_that_it_names() -> None:
    """A file of these folders is a call, and its header says whose."""
    unread = []
    for folder in ("build", "doctor", "polling", "publish", "recovery", "report", "summary", "ticks"):
        for path in files(f"{folder}/*.sql"):
            reader = re.search(r"pipelines/\S+?\.py", path.read_text("utf-8"))
            call = re.compile(rf'"{folder}", "{path.stem}"|_ask(ed)?\(con, "{path.stem}"')
            if reader is None or not call.search((PIPELINES.parent / reader[0]).read_text("utf-8")):
                unread.append(f"{folder}/{path.name}")
    assert unread == []


@pytest.mark.parametrize("path", files("*/*.sql"), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_limits_of_the_api_have_a_name(path: Path) -> None:
    """Only sql/macros says how long, how many and how exact; elsewhere nobody sees which fact a number rests on."""
    if path.parent.name != "macros":
        assert (
            re.findall(r"interval '?(?:60 seconds|7 days)|run_count >= 5|\b(?:604800|518400)", path.read_text("utf-8"))
            == []
        )


@pytest.mark.parametrize(
    "path", [*files("marts/*.sql"), *files("tests/*.sql")], ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_no_window_is_cut_by_a_row_of_a_table(path: Path) -> None:
    """Told by a constant, core.as_of(), a window leaves old runs unread; told by a row, all are read first."""
    cut = re.compile(r"(created_at|tick_at|due_at) *[<>]=? *\w*\.?as_of_at")
    assert not cut.search(path.read_text("utf-8"))
