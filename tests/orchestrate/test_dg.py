"""Dagster's own tool finds, checks and launches what the project defines, and warns of nothing.

It is a tool of development (dependency group dev), so an installation of the product has none.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.cli.dev_server import WORKSPACE
from pipelines.simulator import Fleet, Simulator
from pipelines.simulator.server import serve
from tests.support.polled_world import HOUR, HOURLY, START

ROOT = Path(__file__).parents[2]
DG = Path(sys.executable).with_name("dg")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not DG.exists(), reason="dagster-dg-cli is not installed")]


def dg(home: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RECOUP_", "DAGSTER_"))}
    (home / "dagster").mkdir(exist_ok=True)
    (home / "dagster" / "dagster.yaml").touch()
    env = {**kept, "RECOUP_HOME": str(home), "DAGSTER_HOME": str(home / "dagster"), **more}
    return subprocess.run([DG, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("arguments", [("check", "defs"), ("list", "defs", "--json")])
def test_definitions_are_found_without_a_key(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = dg(tmp_path, *arguments)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert "supersed" not in (done.stdout + done.stderr).lower()
    if "--json" in arguments:
        found = json.loads(done.stdout)
        assert {"core/runs", "marts/task_health"} <= {one["asset_key"] for one in found["assets"]}
        assert {one["name"] for one in found["jobs"]} >= {"poll", "nightly"}
        assert [one["name"] for one in found["schedules"]] == ["nightly_schedule"]


def test_a_plain_dagster_in_the_checkout_finds_the_workspace_of_the_wheel() -> None:
    assert (ROOT / "workspace.yaml").resolve() == WORKSPACE.resolve()


def test_a_night_is_launched(tmp_path: Path) -> None:
    with serve(Simulator(Fleet([HOURLY], seed=3, start=START), now=START + 5 * HOUR)) as url:
        done = dg(tmp_path, "launch", "--job", "nightly", RECOUP_API_URL=url, RECOUP_API_KEY="recoup_sk_simulated")
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "warehouse" / "current" / "recoup.duckdb").exists()
