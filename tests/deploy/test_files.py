"""What the files of deploy/ say: only settings, commands, codes and names that the product has, in the forms that are read.

What they do is in test_image.py and test_recipe.py.
"""

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from dockerfile_parse import DockerfileParser

from pipelines.cli import main as cli
from pipelines.cli.doctor.settings_and_api import known_variables
from pipelines.orchestrate.dagster_home import CONFIGURATION, differences
from pipelines.orchestrate.run_liveness import LOCATION
from pipelines.settings import Settings
from tests.support.repository import ROOT

DEPLOY = ROOT / "deploy"
UNITS = DEPLOY / "systemd"
SCRIPTS = Path(sysconfig.get_path("scripts"))


def files() -> Iterator[Path]:
    return (path for path in DEPLOY.rglob("*") if path.is_file())


def loaded(name: str) -> dict[str, Any]:
    found = yaml.safe_load((DEPLOY / name).read_text())
    assert isinstance(found, dict)
    return found


def test_every_variable_is_a_setting() -> None:
    named = {name for path in files() for name in re.findall(r"\bRECOUP_[A-Z_]+\b", path.read_text())}
    assert named
    assert named <= set(known_variables())


def test_every_command_and_exit_code_is_there() -> None:
    said = "\n".join(path.read_text() for path in files())
    commands = set(re.findall(r'recoup-warehouse(?:@| |", ")([a-z]+)(?:\.timer|"| >>)', said))
    assert {"poll", "nightly", "doctor"} == commands <= set(cli.cli.commands)
    codes = re.findall(r"ExitStatus=([\d ]+)", said)
    assert {int(code) for line in codes for code in line.split()} <= set(cli.exit_codes())


def test_dagster_is_configured_as_the_product_configures_it() -> None:
    configuration = loaded("dagster.yaml")
    assert not list(differences((DEPLOY / "dagster.yaml").read_text()))
    own = yaml.safe_load(CONFIGURATION)
    del own["event_log_storage"]  # SQLite's
    assert {name: configuration[name] for name in own} == own
    assert configuration.keys() - own.keys() == {"storage", "compute_logs", "local_artifact_storage"}
    celery = loaded("celery/dagster.yaml")
    assert not list(differences((DEPLOY / "celery/dagster.yaml").read_text()))
    launcher, concurrency = celery.pop("run_launcher"), celery.pop("concurrency")
    assert celery == {name: value for name, value in configuration.items() if name != "concurrency"}
    assert [concurrency["pools"], launcher["class"]] == [own["concurrency"]["pools"], "CeleryRunLauncher"]


def test_each_worker_listens_to_the_queue_of_its_home_and_no_home_reads_the_file_of_another() -> None:
    services = loaded("celery/compose.yaml")["services"]
    workers = {name: one for name, one in services.items() if one.get("command", [""])[0] == "celery"}
    homes = {name: one["environment"].get("RECOUP_SHARD", "gatherer") for name, one in workers.items()}
    assert homes == {name: one["command"][one["command"].index("-Q") + 1] for name, one in workers.items()}
    assert {one["command"][2] for one in workers.values()} == {"pipelines.orchestrate.celery_worker"}
    assert find_spec("pipelines.orchestrate.celery_worker")
    launcher = loaded("celery/dagster.yaml")["run_launcher"]
    assert launcher["config"]["default_queue"] == "gatherer"
    shards = services["code"]["environment"]["RECOUP_SHARDS"].split(",")
    assert set(shards) == set(homes) - {"gatherer"}
    files = {name: service["env_file"] for name, service in services.items() if "env_file" in service}
    assert files == {name: f"{name}.env" for name in workers} | {"code": "gatherer.env"}
    assert [port for service in services.values() for port in service.get("ports", ())] == ["127.0.0.1:3000:3000"]


def test_the_code_location_has_its_one_name() -> None:
    workspace = yaml.safe_load((DEPLOY / "workspace.yaml").read_text())
    server = workspace["load_from"][0]["grpc_server"]
    command = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"][server["host"]]["command"]
    assert server["location_name"] == LOCATION
    assert command[command.index("-p") + 1] == str(server["port"])


def test_the_night_begins_when_the_settings_say() -> None:
    fields = Settings.model_fields
    at, zone = fields["nightly_at"].default, fields["reporting_timezone"].default
    assert f"OnCalendar=*-*-* {at}:00 {zone}\n" in (UNITS / "recoup-warehouse@nightly.timer").read_text()
    hour, minute = (int(part) for part in at.split(":"))
    assert re.search(rf"^{minute} {hour} \* \* \*  .* nightly ", (DEPLOY / "crontab").read_text(), re.M)


def test_only_the_container_that_works_has_the_key_and_the_data() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    private = {
        name
        for name, service in services.items()
        if "env_file" in service or any(volume.startswith("warehouse:") for volume in service.get("volumes", ()))
    }
    assert private == {"code"}
    assert [port for service in services.values() for port in service.get("ports", ())] == ["127.0.0.1:3000:3000"]


def test_what_is_copied_into_the_image_is_not_ignored() -> None:
    kept = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}
    lines = [
        e["value"].split()
        for e in DockerfileParser(path=str(DEPLOY / "Dockerfile")).structure
        if e["instruction"] == "COPY"
    ]
    assert {source for line in lines if "--from=build" not in line for source in line[:-1]} == kept


@pytest.mark.skipif(sys.platform != "linux", reason="hadolint's package exists for Linux")
def test_the_dockerfile_passes_hadolint() -> None:
    done = subprocess.run([str(SCRIPTS / "hadolint"), str(DEPLOY / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ["compose.yaml", "celery/compose.yaml"])
def test_the_compose_file_follows_the_specification(name: str) -> None:
    schema = "vendor.compose-spec"
    check = [str(SCRIPTS / "check-jsonschema"), "--builtin-schema", schema, str(DEPLOY / name)]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """The program that they start is named as installed; here it is the one of this environment."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (on Debian: apt-get install systemd)")
    units = tmp_path / "units"
    shutil.copytree(UNITS, units)
    service = units / "recoup-warehouse@.service"
    service.write_text(service.read_text().replace("/opt/recoup-warehouse/current/bin", str(SCRIPTS)))
    for name in ("recoup-warehouse@poll", "recoup-warehouse@nightly"):
        for kind in ("service", "timer"):
            done = subprocess.run(
                ["systemd-analyze", "verify", "--man=no", f"{name}.{kind}"],
                env={"SYSTEMD_UNIT_PATH": f"{units}:", "PATH": "/usr/bin:/bin"},
                capture_output=True,
                text=True,
            )
            assert (done.returncode, done.stderr) == (0, ""), (name, kind)
