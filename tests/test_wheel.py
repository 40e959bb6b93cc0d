"""The wheel, built and installed into an environment of its own, used from a folder that is not the checkout.

That environment sees the dependencies of this one, and nothing of the checkout.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.simulator import serve
from tests.cli.conftest import BODY_TIME, save_body
from tests.support.simulator_helpers import KEY, one_task

ROOT = Path(__file__).resolve().parent.parent
UV = Path(sysconfig.get_path("scripts")) / "uv"
# The files beside the code that a wheel is made of.
SOURCES = ("pyproject.toml", "setup.py", "README.md")
FOLDERS = ("pipelines", "sql")


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel in it, and the folder from which commands are run."""

    wheel: Path
    scripts: Path
    home: Path

    def run(self, *command: str, **variables: str) -> str:
        """Run a program of the environment, which must succeed, and return what it told."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), **variables}
        done = subprocess.run(
            [str(self.scripts / command[0]), *command[1:]],
            cwd=self.home,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        told = done.stdout + done.stderr
        assert done.returncode == 0, told
        return told

    def recoup(self, *arguments: str, **variables: str) -> str:
        """Run `recoup-warehouse`."""
        return self.run("recoup-warehouse", *arguments, **variables)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy, since building leaves folders beside the source."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        shutil.copy(ROOT / name, source)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [str(UV), "build", "-q", "--wheel", "--no-build-isolation", "--offline", "--no-config"]
    subprocess.run([*command, "--python", sys.executable, "-o", str(out), str(source)], check=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a new environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    command = [str(UV), "pip", "install", "-q", "--no-deps", "--offline", "--no-config", "--python", str(python)]
    subprocess.run([*command, str(wheel)], check=True)
    # A .pth in a folder that a .pth names is not read: the editable install of the checkout stays unseen.
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin"


@pytest.fixture
def installed(wheel: Path, environment: Path, tmp_path: Path) -> Installed:
    """The environment, and an empty folder to work in."""
    return Installed(wheel, environment, tmp_path)


@pytest.mark.slow
def test_the_wheel_carries_every_file(wheel: Path) -> None:
    """Everything below pipelines/, and sql/ as a folder of the package."""
    files = [path.relative_to(ROOT) for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    wanted = {str("pipelines" / path if path.parts[0] == "sql" else path) for path in files if path.suffix != ".pyc"}
    with zipfile.ZipFile(wheel) as archive:
        carried = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert carried == wanted


@pytest.mark.slow
def test_nothing_of_the_checkout_is_imported(installed: Installed) -> None:
    """Otherwise the other tests here would pass with an empty wheel."""
    code = "import pipelines.paths as p; print(p.__file__, p.SQL_DIR, sep='\\n')"
    for place in installed.run("python", "-c", code).splitlines():
        assert Path(place).is_relative_to(installed.scripts.parent), place


@pytest.mark.slow
def test_from_a_saved_body_to_a_published_number(installed: Installed) -> None:
    body = save_body(installed.home)
    warehouse = installed.home / ".local/share/recoup-warehouse/warehouse"
    warehouse.mkdir(parents=True)
    (warehouse / "budgets.csv").write_text("account_id,monthly_budget_usd,warn_ratio\n*,7.5,\n")
    assert f"a new warehouse is made in {warehouse}" in installed.recoup("poll", "--load", str(body), "--at", BODY_TIME)
    installed.recoup("build", "--at", BODY_TIME)
    installed.recoup("publish")
    assert "failed" in installed.recoup("query", "select outcome from core.runs")
    assert "7.5" in installed.recoup("query", "select budget_usd from marts.budget_status")
    assert (warehouse / "current" / "report.html").stat().st_size > 100_000
    (installed.home / "other").mkdir()
    (installed.home / "other" / ".env").write_text("RECOUP_SNAPSHOTS_KEPT=7\n")
    told = installed.recoup("--home", "other", "doctor")
    assert f"home is {installed.home}/other" in told
    assert "none yet" in told


@pytest.mark.slow
def test_tables_are_described_without_a_warehouse(installed: Installed) -> None:
    assert "budget_usd" in installed.recoup("describe", "marts.budget_status")
    # The models are kept for the next command; nothing else is made.
    assert [path.name for path in installed.home.iterdir()] in ([], [".cache"])


@pytest.mark.slow
def test_documents_are_not_written_outside_a_checkout(installed: Installed) -> None:
    for module in ("pipelines.docgen.model_docs", "pipelines.cli.command_reference"):
        code = f"import runpy; runpy.run_module({module!r}, run_name='__main__')"
        guarded = f"try:\n    {code}\nexcept SystemExit as told:\n    print(told)"
        assert "in a checkout of the repository" in installed.run("python", "-c", guarded)


@pytest.mark.slow
def test_a_night_against_the_simulated_api(installed: Installed) -> None:
    with serve(one_task()) as origin:
        installed.recoup("nightly", RECOUP_API_URL=origin, RECOUP_API_KEY=KEY)
    assert "1" in installed.recoup("query", "select count(*) from core.tasks")
    installed.recoup("export", "--format", "superset", "--out", "bundle.zip")
    assert zipfile.is_zipfile(installed.home / "bundle.zip")


@pytest.mark.slow
def test_dagster_finds_the_definitions(installed: Installed) -> None:
    code = "from pipelines.cli.dev_server import WORKSPACE; print(WORKSPACE)"
    workspace = installed.run("python", "-c", code).strip()
    for where in (("-m", "pipelines.definitions"), ("-w", workspace)):
        told = installed.run(
            "python", "-m", "dagster", "definitions", "validate", *where, DAGSTER_HOME=str(installed.home)
        )
        assert "Validation successful" in told
