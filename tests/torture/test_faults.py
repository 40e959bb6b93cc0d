"""A disk that is full at every step, read-only or without what a file system has: said in a line, and healed afterwards.

RECOUP_TORTURE_FAULTS=all tries all commands, room that grows by half, and heals after each failure, which takes an hour;
else fewer commands and larger steps, and one healing at the end.
"""

import errno
import os
import resource
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.torture.faults import House, is_told
from tests.torture.small_disk import PAGE, Machine, SmallDisk, can_refuse, new_mounts

pytestmark = pytest.mark.slow

IS_LONG = os.environ.get("RECOUP_TORTURE_FAULTS") == "all"
Facts = dict[str, list[tuple[object, ...]]]
READ_ONLY = Machine()
MACHINES = [
    READ_ONLY,
    Machine(is_nobody=True),
    Machine(refused="flock", error=errno.ENOLCK),
    Machine(refused="link", error=errno.EPERM),
    Machine(refused="fsync", error=errno.EINVAL),
    Machine(refused="chmod", error=errno.EPERM),
    Machine(refused="rename", error=errno.EXDEV),
    Machine(refused="truncate", error=errno.EINVAL),
    Machine(refused="mkdir", error=errno.ENOSYS),
    Machine(refused="pwrite", error=errno.EIO),
]
COMMANDS = ("poll", "build", "publish", "rebuild", "backup", "export")
# What CI has time for; a build takes longer than all others.
SHORT = {
    "files": ("poll", "rebuild", "backup"),
    "bytes": ("poll", "build", "publish"),
    "link": ("publish",),
    "mkdir": ("publish",),
    "limit": ("poll",),
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    new_mounts()
    return House.built(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="module")
def undisturbed(house: House, tmp_path_factory: pytest.TempPathFactory) -> Facts:
    there = house.at(Path(shutil.copytree(house.root, tmp_path_factory.mktemp("undisturbed") / "w", symlinks=True)))
    return there.healed()


@pytest.fixture
def disk(house: House) -> Iterator[SmallDisk]:
    disk = SmallDisk()
    yield disk
    disk.unmount()


def rooms(what: str) -> Iterator[dict[str, int]]:
    """Room for ever more files, or for ever more bytes: a command fails at one step after the other."""
    room = 0
    while True:
        yield {f"free_{what}": room}
        if what == "files":
            room += 1
        else:
            room = room + PAGE if room < 2 * PAGE else room * 3 // 2 if IS_LONG else room * 16


@pytest.mark.parametrize("what", ["files", "bytes"])
def test_a_disk_that_is_full_at_each_step(what: str, house: House, disk: SmallDisk, undisturbed: Facts) -> None:
    there, failed = house.at(disk.hold(house.root)), Counter[str]()
    for name in COMMANDS if IS_LONG else SHORT[what]:
        for room in rooms(what):
            if IS_LONG:
                there = house.at(disk.hold(house.root))
            disk.leave(**room)
            ended = there.run(*there.command(name))
            disk.make_room()
            assert is_told(ended), (name, room, ended)
            assert there.agrees(), (name, room, ended)
            if ended.code == 0:
                break
            failed[name] += 1
            if IS_LONG:
                assert there.healed() == undisturbed, (name, room, ended)
    assert there.healed() == undisturbed
    there.does("rebuild")
    sys.stderr.write(f"\nfull of {what}, failures by command: {dict(failed)}\n")


@pytest.mark.parametrize("machine", MACHINES, ids=str)
def test_a_machine_that_refuses(machine: Machine, house: House, disk: SmallDisk, undisturbed: Facts) -> None:
    """Calls that a file system may not know, no rights, read-only."""
    if machine.refused and not can_refuse():
        pytest.skip("calls are refused by their numbers on x86-64")
    there, codes = house.at(disk.hold(house.root)), dict[str, int]()
    if machine == READ_ONLY:
        disk.close_for_writing()
    for name in COMMANDS if IS_LONG else SHORT.get(machine.refused, ("poll",)):
        ended = there.run(*there.command(name), on=machine)
        assert is_told(ended), (name, ended)
        assert there.agrees(), (name, ended)
        codes[name] = ended.code
    disk.make_room()
    assert any(codes.values()), codes
    if IS_LONG:
        assert there.healed() == undisturbed


def test_a_limit_on_the_size_of_files(house: House, disk: SmallDisk, undisturbed: Facts) -> None:
    """Larger and larger, until a command gets through."""
    there, failed = house.at(disk.hold(house.root)), Counter[str]()
    for name in COMMANDS if IS_LONG else SHORT["limit"]:
        limit = 0
        while (ended := there.run(*there.command(name), on=Machine(limits={resource.RLIMIT_FSIZE: limit}))).code:
            assert is_told(ended), (name, limit, ended)
            assert there.agrees(), (name, limit, ended)
            failed[name] += 1
            limit = limit * (2 if IS_LONG else 8) or PAGE
        assert is_told(ended), (name, limit, ended)
    assert failed["poll"] >= 2
    if IS_LONG:
        assert there.healed() == undisturbed


def test_few_open_files(house: House, disk: SmallDisk) -> None:
    there = house.at(disk.hold(house.root))
    ended = there.run(*there.command("poll"), on=Machine(limits={resource.RLIMIT_NOFILE: 8}))
    assert (ended.code, is_told(ended)) == (14, True), ended
    assert there.run(*there.command("poll"), on=Machine(limits={resource.RLIMIT_NOFILE: 32})).code == 0
