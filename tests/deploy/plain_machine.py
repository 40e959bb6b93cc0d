"""This machine's own system without what was installed beside it: commands run on a copy that is thrown away.

An overlay over `/`, entered by chroot in a mount namespace of its own: no image registry is needed, nothing outside is
changed, and a killed test leaves no mount behind. No assertions here.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.support.repository import ROOT

PLAIN_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
# No systemd runs there: systemctl writes what it would enable, and starts nothing.
OUTSET = {"PATH": PLAIN_PATH, "HOME": "/root", "SYSTEMD_OFFLINE": "1"}
# How packages are reached here is the machine's affair, not that of what is installed.
OF_THE_NETWORK = re.compile(r"(PIP|UV|SSL|REQUESTS|CURL|HTTPS?|NO|https?|no)_")
INSIDE = """
mount -t overlay overlay -o lowerdir=/,upperdir="$UPPER",workdir="$WORK" "$ROOT_DIR"
mount -t tmpfs tmpfs "$ROOT_DIR$CHECKOUT"
mount --rbind /proc "$ROOT_DIR/proc"
mount --rbind /dev "$ROOT_DIR/dev"
exec chroot --userspec="$AS" "$ROOT_DIR" /usr/bin/env -i "$@"
"""


@dataclass
class PlainMachine:
    """A root folder of its own; `folder` is empty, and holds afterwards what the commands wrote."""

    folder: Path
    environment: dict[str, str] = field(default_factory=lambda: dict(OUTSET))
    workdir: str = "/"
    user: str = "0:0"

    @classmethod
    def fresh(cls, folder: Path) -> "PlainMachine":
        """Return an untouched one; where this machine cannot give it, the test is skipped, with the reason."""
        for name in ("upper", "work", "root"):
            (folder / name).mkdir(parents=True)
        if os.geteuid() != 0 or shutil.which("unshare") is None:
            pytest.skip("needs root on Linux: an overlay over / is mounted")
        machine = cls(folder)
        tried = machine.try_("python3 -c 'import sys, venv, ensurepip; assert sys.version_info >= (3, 11)'")
        if tried.returncode:
            pytest.skip(f"no overlay over / with Python 3.11 and venv here: {tried.stderr.strip()[-200:]}")
        return machine

    def as_user(self, user: str) -> "PlainMachine":
        """Return the same machine, as somebody else sees it."""
        return replace(self, user=user, workdir="/")

    def path(self, inside: str) -> Path:
        """Return where a file lies that was written inside."""
        return self.folder / "upper" / inside.lstrip("/")

    def try_(self, command: str | list[str], **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command (a text: by /bin/sh, and the first failure ends it) and return what it did."""
        inner = ["/bin/sh", "-euc", command] if isinstance(command, str) else command
        variables = self.environment | {k: v for k, v in os.environ.items() if OF_THE_NETWORK.match(k)} | more
        there = f"cd {shlex.quote(self.workdir)} && exec {shlex.join(inner)}"
        named = [f"{name}={value}" for name, value in variables.items()]
        return subprocess.run(
            ["unshare", "--mount", "/bin/sh", "-euc", INSIDE, "sh", *named, "/bin/sh", "-euc", there],
            env={**os.environ, **self._places(), "AS": self.user},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def run(self, command: str | list[str], **more: str) -> str:
        """Run a command that must succeed, and return what it told."""
        done = self.try_(command, **more)
        told = done.stdout + done.stderr
        if done.returncode:
            raise AssertionError(f"{command} ended with {done.returncode}: {told}")
        return told

    def _places(self) -> Mapping[str, str]:
        places = {"UPPER": "upper", "WORK": "work", "ROOT_DIR": "root"}
        return {name: str(self.folder / below) for name, below in places.items()} | {"CHECKOUT": str(ROOT)}


def copy_in(source: Path, target: Path) -> None:
    """Copy a file or a folder of the checkout, as `COPY` does, without what Python leaves beside its modules."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copy(source, target)
