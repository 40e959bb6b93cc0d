"""A disk of a size of its own, and commands run on it as on a machine that refuses things. No assertions here.

A tmpfs in a mount namespace of this process, so nothing outside sees it and a killed test leaves no mount behind. Each
command runs in a fork of a process that has imported the product once: a sweep over many sizes takes few seconds more
than the commands themselves.
"""

import ctypes
import multiprocessing
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

ROOMY_BYTES, ROOMY_FILES = 512 * 2**20, 100_000
PAGE = 4096
LONGEST_SECONDS = 600
NOBODY = 65534
NEW_MOUNTS = 0x00020000
CAPABILITIES = 0x20080522
NO_NEW_PRIVILEGES, SECCOMP, FILTER = 38, 22, 2
# struct sock_filter: code, jump if true, jump if false, value.
LOAD, EQUAL, ANSWER = 0x20, 0x15, 0x06
REFUSED, ALLOWED = 0x00050000, 0x7FFF0000
CALLS = {
    "flock": (73,), "fsync": (74, 75), "rename": (82, 264, 316), "chmod": (90, 91, 268), "link": (88, 266),
    "mkdir": (83, 258), "truncate": (76, 77), "pwrite": (18,),
}  # fmt: skip
PRELOADED = [
    "pipelines.cli.main", "pipelines.nightly", "pipelines.load.rebuild", "pipelines.archive.backup",
    "pipelines.publish.parquet", "pipelines.cli.doctor", "pipelines.report.page",
]  # fmt: skip
FORKS = multiprocessing.get_context("forkserver")


@dataclass(frozen=True)
class Machine:
    """What a machine refuses to one command: limits of the shell, calls of the system, the rights of root or the user."""

    limits: Mapping[int, int] = field(default_factory=dict)
    refused: str = ""
    error: int = 0
    is_nobody: bool = False
    obeys_modes: bool = False

    def __str__(self) -> str:
        return self.refused or ("nobody" if self.is_nobody else "read-only")


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it told on both streams."""

    code: int
    out: str
    err: str


def new_mounts() -> None:
    """Give this process mounts of its own; where that cannot be, the test is skipped, with the reason."""
    if reason := without_own_mounts():
        pytest.skip(reason)


@cache
def without_own_mounts() -> str:
    """Enter a mount namespace, and return why that cannot be, or nothing.

    Before the first fork: commands run in children of a process that is begun then, and see the mounts that it sees.
    """
    FORKS.set_forkserver_preload(PRELOADED)
    if os.geteuid() != 0 or sys.platform != "linux":
        return "needs root on Linux: a small tmpfs is mounted"
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_MOUNTS):
        return f"no mount namespace here: {os.strerror(ctypes.get_errno())}"
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    return ""


class SmallDisk:
    """A disk on which a warehouse is put again and again."""

    def __init__(self) -> None:
        # Not in pytest's folder, which nobody else may enter.
        self.folder = folder = Path(tempfile.mkdtemp(prefix="small-disk-"))
        folder.chmod(0o755)
        sizes = f"size={ROOMY_BYTES},nr_inodes={ROOMY_FILES}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", sizes, "tmpfs", str(folder)], check=True)

    def hold(self, source: Path) -> Path:
        """Make room, and put a copy of a folder in the place of all that is there; return where."""
        self.make_room()
        target = self.folder / source.name
        shutil.rmtree(target, ignore_errors=True)
        return Path(shutil.copytree(source, target, symlinks=True))

    def make_room(self) -> None:
        """Give the disk back what was taken."""
        self._remount(f"rw,size={ROOMY_BYTES},nr_inodes={ROOMY_FILES}")

    def leave(self, *, free_bytes: int = ROOMY_BYTES, free_files: int = ROOMY_FILES) -> None:
        """Leave room for so much more, and no more."""
        room = os.statvfs(self.folder)
        used_bytes, used_files = (room.f_blocks - room.f_bfree) * room.f_frsize, room.f_files - room.f_ffree
        self._remount(f"size={used_bytes + free_bytes},nr_inodes={used_files + free_files}")

    def close_for_writing(self) -> None:
        """Let it be read only."""
        self._remount("ro")

    def unmount(self) -> None:
        """Take it away."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)
        self.folder.rmdir()

    def _remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", str(self.folder)], check=True)


def run_on(machine: Machine, command: list[str], environment: Mapping[str, str]) -> Ended:
    """Run one command of the product in a process of its own, on such a machine."""
    without_own_mounts()
    pipes = [FORKS.Pipe(duplex=False) for _ in range(2)]
    there = [write for _, write in pipes]
    process = FORKS.Process(target=_child, args=(machine, command, dict(environment), *there))
    process.start()
    for write in there:
        write.close()
    process.join(LONGEST_SECONDS)
    process.kill()
    process.join()
    out, err = (_rest_of(read) for read, _ in pipes)
    return Ended(process.exitcode or 0, out, err)


def _rest_of(pipe: Connection) -> str:
    with os.fdopen(os.dup(pipe.fileno()), encoding="utf-8") as told:
        pipe.close()
        return told.read()


def _child(machine: Machine, command: list[str], environment: dict[str, str], out: Connection, err: Connection) -> None:
    from pipelines.cli.main import run

    # Pipes, since a file would be under the same limits.
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    os.environ.update(environment)
    if machine.is_nobody:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    if machine.obeys_modes:
        _give_up_rights()
    for what, limit in machine.limits.items():
        resource.setrlimit(what, (limit, limit))
    if machine.refused:
        _refuse(machine.refused, machine.error)
    code = run(command)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _give_up_rights() -> None:
    """Let root read and write what modes allow, as any user, and nothing else."""
    header, nothing = (ctypes.c_uint32 * 2)(CAPABILITIES, 0), (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None, use_errno=True).capset(header, nothing):
        raise OSError(ctypes.get_errno(), "the rights of root were not given up")


def can_refuse() -> bool:
    """Tell whether calls can be refused here: their numbers are those of one processor."""
    return platform.machine() == "x86_64"


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _refuse(call: str, error: int) -> None:
    """Let the kernel answer a call with an error from now on, as a file system that cannot do it does."""
    numbers = CALLS[call]
    lines = [(LOAD, 0, 0, 0)]
    lines += [(EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    lines += [(ANSWER, 0, 0, ALLOWED), (ANSWER, 0, 0, REFUSED | error)]
    packed = b"".join(
        code.to_bytes(2, "little") + bytes([yes, no]) + value.to_bytes(4, "little") for code, yes, no, value in lines
    )
    buffer = ctypes.create_string_buffer(packed)
    program = _Program(len(lines), ctypes.cast(buffer, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.prctl(SECCOMP, FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
