"""The recipe of the runbook, block by block as it is printed, on a plain machine: install, upgrade, roll back.

Starting timers needs a running systemd; in a chroot systemctl writes what it would start and starts nothing.
"""

import re
import stat
from pathlib import Path

import pytest

from pipelines.simulator import serve
from tests.deploy.plain_machine import PlainMachine, copy_in
from tests.support.repository import ROOT
from tests.support.simulator_helpers import KEY, one_task

pytestmark = pytest.mark.slow
CHECKOUT = "/usr/local/src/recoup-warehouse"
HOME = "/var/lib/recoup-warehouse"
UNITS = ("recoup-warehouse@poll.timer", "recoup-warehouse@nightly.timer")


def blocks(heading: str) -> list[str]:
    """The commands below a heading of the runbook, as a person would copy them."""
    text = (ROOT / "docs" / "runbook.md").read_text()
    below = text.split(f"\n### {heading}\n")[1].split("\n#")[0]
    return re.findall(r"```sh\n(.*?)```", below, re.S)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> PlainMachine:
    """A machine with a checkout of the release."""
    machine = PlainMachine.fresh(tmp_path_factory.mktemp("host"))
    machine.workdir = CHECKOUT
    for name in (
        "pyproject.toml",
        "setup.py",
        "README.md",
        "requirements.lock",
        ".env.example",
        "pipelines",
        "sql",
        "deploy",
    ):
        copy_in(ROOT / name, machine.path(CHECKOUT) / name)
    return machine


def write_settings(file: Path, **values: str) -> None:
    """Do what the runbook leaves to an editor."""
    text = file.read_text()
    for name, value in values.items():
        text, changed = re.subn(rf"(?m)^{name}=.*$", f"{name}={value}", text)
        assert changed == 1, name
    file.write_text(text)


def test_install_upgrade_and_roll_back_as_printed(machine: PlainMachine) -> None:
    install, start = blocks("With systemd")
    (upgrade,), (rollback,) = blocks("Upgrade"), blocks("Rollback")
    machine.run(install)
    settings = machine.path(f"{HOME}/.env")
    with serve(one_task()) as origin:
        write_settings(settings, RECOUP_API_URL=origin, RECOUP_API_KEY=KEY)
        assert stat.S_IMODE(settings.stat().st_mode) == 0o600
        assert "published snapshot 1" in machine.run(start)
    assert machine.run(["systemctl", "is-enabled", *UNITS]).split() == ["enabled"] * len(UNITS)
    verified = machine.run(["systemd-analyze", "verify", "--man=no", "recoup-warehouse@poll.service", *UNITS])
    assert "recoup" not in verified, verified
    for block, version, snapshot in ((upgrade, "0.2.0", 2), (rollback, "0.1.0", 3)):
        assert f"published snapshot {snapshot}" in machine.run(block)
        assert machine.path("/opt/recoup-warehouse/current").readlink() == Path(version)
    assert "1" in machine.run(f"cd {HOME} && runuser -u recoup -- {program()} query 'select count(*) from core.tasks'")


def test_a_reader_opens_the_published_file_and_nothing_private(machine: PlainMachine) -> None:
    folder = f"{HOME}/warehouse"
    reader = machine.as_user("65534:65534")
    reader.run(f"head -c 1 {folder}/current/recoup.duckdb")
    for private in (f"{folder}/archive", f"{folder}/work", f"{HOME}/.env"):
        assert reader.try_(f"ls {private}/. || cat {private}").returncode, private


def test_nothing_half_installed_stays_and_nothing_is_overwritten(machine: PlainMachine) -> None:
    taken = machine.try_("mkdir -p /opt/recoup-warehouse/taken; deploy/install /opt/recoup-warehouse/taken")
    assert taken.returncode == 1
    assert "is there already" in taken.stderr
    # A package whose bytes are not those of the lock.
    lock = machine.path(f"{CHECKOUT}/requirements.lock")
    sound = lock.read_text()
    lock.write_text(re.sub(r"(?m)^(dagster==.*\n)(?:    --hash.*\n)+", rf"\1    --hash=sha256:{'0' * 64}\n", sound))
    refused = machine.try_("deploy/install /opt/recoup-warehouse/9.9.9")
    lock.write_text(sound)
    assert refused.returncode, refused.stdout
    assert "ash" in refused.stderr, refused.stderr
    assert machine.try_("test -e /opt/recoup-warehouse/9.9.9").returncode


def program() -> str:
    """The program as the units start it."""
    return "/opt/recoup-warehouse/current/bin/recoup-warehouse"
