"""One declaration of a field, one list of what a load hands on: nothing that the contract knows vanishes on the way."""

import re
from pathlib import Path
from typing import Any

import pytest

import pipelines
from pipelines.load.json_types import struct_type
from pipelines.paths import SQL_DIR
from pipelines.recoup import contract

FLATTEN = SQL_DIR / "flatten"
README = FLATTEN / "README.md"
CODE = Path(pipelines.__file__).parent
READ_BY = {
    "02_read_tasks.sql": contract.Task,
    "04_stage_runs.sql": contract.Run,
    "05_stage_attempts.sql": contract.Attempt,
}
LETTER = {contract.Task: "t", contract.Run: "r", contract.Attempt: "a"}
# Read by another file than the columns of their object: the runs of a window and the attempts of a run.
NESTED = {"recent_runs", "attempts"}


def fields(declared: Any) -> set[str]:
    """The fields that a column must hold: those that DuckDB is told to read."""
    return set(re.findall(r'"(\w+)" ', re.sub(r"STRUCT\(.*\)", "", struct_type(declared)[7:-1])))


@pytest.mark.parametrize("file", READ_BY)
def test_every_field_of_the_contract_reaches_a_column(file: str) -> None:
    declared = READ_BY[file]
    sql = (FLATTEN / file).read_text()
    read = set(re.findall(rf'\b{LETTER[declared]}\."?(\w+)', sql))
    assert declared.__annotations__.keys() - ignored(declared) - NESTED <= read


def ignored(declared: Any) -> set[str]:
    known = struct_type(declared)
    return {name for name in declared.__annotations__ if f'"{name}" ' not in known}


def test_fields_are_left_out_on_purpose_only() -> None:
    left_out = {name for declared in READ_BY.values() for name in ignored(declared)}
    assert left_out == {"payloadPresignedUrl", "outputPresignedUrl", "title", "email_subject"} & left_out
    assert "title" in ignored(contract.Run)
    assert ignored(contract.Task) == set()


def _texts() -> dict[str, str]:
    """Every file that may touch a temporary table, without its comments."""
    asking = [*(SQL_DIR / "recovery").glob("*.sql"), *(CODE / "load").glob("*.py"), CODE / "ingest" / "recovery.py"]
    paths = [*sorted(FLATTEN.glob("*.sql")), *sorted(asking)]
    return {path.name: re.sub(r"--.*", "", path.read_text()) for path in paths}


def handed_on() -> dict[str, tuple[str, str]]:
    """Each table that one file of a load leaves to another, with the files that write and that read it."""
    texts = _texts()
    made = r"create or replace (?:temp )?(?:table|view) ([\w.]+)"
    found: dict[str, tuple[str, str]] = {}
    for name in sorted({name for text in texts.values() for name in re.findall(made, text)}):
        table = re.escape(name)
        write = rf"(?:create or replace (?:temp )?(?:table|view)|insert into|update|delete from) {table}\b"
        read = rf"(?<!delete )\b(?:from|join) {table}\b"
        writing = [file for file, text in texts.items() if re.search(write, text)]
        reading = [file for file, text in texts.items() if re.search(read, text)]
        if {*writing, *reading} != {writing[0]}:
            found[name] = (", ".join(writing), ", ".join(reading))
    return found


def test_what_a_load_hands_on_is_written_down() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| (.*?) \| (.*?) \|", README.read_text(), re.M)
    assert {name: (writing, reading) for name, writing, reading in rows} == handed_on()


def test_every_statement_is_run_by_the_loader() -> None:
    code = "".join(path.read_text() for path in (CODE / "load").glob("*.py"))
    assert [path.stem for path in FLATTEN.glob("*.sql") if f'"{path.stem}"' not in code] == []
