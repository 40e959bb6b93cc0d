"""The Dockerfile, instruction by instruction in its own order, on a plain machine instead of an image of a registry.

What the files say is in test_files.py.
"""

import json
import shlex
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser

from pipelines.simulator import serve
from tests.deploy.plain_machine import PlainMachine, copy_in
from tests.support.repository import ROOT
from tests.support.simulator_helpers import KEY, one_task

pytestmark = pytest.mark.slow
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
WAREHOUSE = "/var/lib/recoup-warehouse/warehouse"


@dataclass
class Stage:
    """One `FROM`: a machine, and what the instructions said about the containers made of it."""

    machine: PlainMachine
    cmd: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)


def instructions() -> Iterator[tuple[str, str]]:
    """Each instruction with its arguments, lines joined."""
    for entry in DockerfileParser(path=str(DOCKERFILE)).structure:
        if entry["instruction"] != "COMMENT":
            yield entry["instruction"], entry["value"]


def follow(folder: Path) -> Stage:
    """Do what the Dockerfile says and return its last stage. An instruction that is not known here fails the test."""
    stages: dict[str, Stage] = {}
    for instruction, value in instructions():
        if instruction == "FROM":
            name = value.partition(" AS ")[2] or "last"
            stage = stages[name] = Stage(PlainMachine.fresh(folder / name))
        elif instruction == "COPY":
            copy(stage.machine, shlex.split(value), stages)
        else:
            apply(stage, instruction, value)
    return stage


def copy(machine: PlainMachine, arguments: list[str], stages: dict[str, Stage]) -> None:
    """Copy from the checkout, or from an earlier stage."""
    origin = None
    if arguments[0].startswith("--from="):
        origin = stages[arguments.pop(0).removeprefix("--from=")].machine
    *sources, target = arguments
    for source in sources:
        found = origin.path(source) if origin else ROOT / source
        into = target + Path(source).name if target.endswith("/") else target
        copy_in(found, machine.path(str(Path(machine.workdir) / into)))


def apply(stage: Stage, instruction: str, value: str) -> None:
    """Follow an instruction that concerns this stage alone."""
    machine = stage.machine
    match instruction:
        case "RUN":
            machine.run(value)
        case "ARG":
            machine.environment |= dict([value.split("=", 1)])
        case "ENV":
            machine.environment |= dict(part.split("=", 1) for part in shlex.split(value))
        case "WORKDIR":
            machine.workdir = value
            machine.path(value).mkdir(parents=True, exist_ok=True)
        case "USER":
            machine.user = value
            machine.environment["HOME"] = "/var/lib/recoup-warehouse"
        case "CMD":
            stage.cmd = json.loads(value)
        case "HEALTHCHECK":
            stage.health = json.loads(value.partition(" CMD ")[2])
        case "VOLUME":
            assert machine.path(value).is_dir(), f"{value} must be made by a RUN, or root owns it"
        case _:
            raise AssertionError(f"this test does not know what {instruction} does")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """What `docker build` would make."""
    return follow(tmp_path_factory.mktemp("image"))


def test_a_container_polls_and_is_healthy_and_owns_what_it_writes(image: Stage) -> None:
    with serve(one_task()) as origin:
        variables = {"RECOUP_API_URL": origin, "RECOUP_API_KEY": KEY}
        assert "published snapshot 1" in image.machine.run(image.cmd, **variables)
        assert "shows 1 task" in image.machine.run(image.health, **variables)
    owner = int(image.machine.user.partition(":")[0])
    written = list(image.machine.path(WAREHOUSE).rglob("*"))
    assert {path.lstat().st_uid for path in written} == {owner} != {0}
    assert {path.name for path in written if path.is_dir() and not stat.S_IMODE(path.stat().st_mode) & 0o077} >= {
        "archive",
        "work",
    }


def test_a_container_that_cannot_work_is_unhealthy(image: Stage) -> None:
    told = image.machine.try_(image.health, RECOUP_API_URL="http://127.0.0.1:9", RECOUP_API_KEY=KEY)
    assert told.returncode == 1, told.stdout


def test_the_program_is_not_writable_by_who_runs_it(image: Stage) -> None:
    assert image.machine.try_("touch /opt/recoup-warehouse/bin/recoup-warehouse").returncode


def test_it_can_keep_dagsters_state_in_postgresql(image: Stage) -> None:
    image.machine.run(["python", "-c", "import dagster_postgres, psycopg2"])
