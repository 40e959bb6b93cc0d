"""Each file and each folder of a warehouse, spoilt in each way that disks, people and other programs have.

What must hold afterwards belongs to the test.
"""

import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

Spoil = Callable[[Path], None]


def _empty(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(b"")


def _cut(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.chmod(0o600)
    path.write_bytes(content)


def _lose(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _another_kind(path: Path) -> None:
    is_folder = path.is_dir()
    _lose(path)
    if is_folder:
        path.write_text("in the way")
    else:
        path.mkdir()


def _dangle(path: Path) -> None:
    _lose(path)
    path.symlink_to("nowhere")


def _newer(path: Path) -> None:
    """Let a database say that a later version of DuckDB or SQLite wrote it."""
    content = bytearray(path.read_bytes())
    if _is_duckdb(content):
        content[12:20] = struct.pack("<Q", 999)
        content[:8] = struct.pack("<Q", _checksum(content[8:4096]))
    else:
        content[18:20] = b"\x09\x09"
    path.chmod(0o600)
    path.write_bytes(content)


def _is_duckdb(content: bytes | bytearray) -> bool:
    return content[8:12] == b"DUCK"


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(16)
    return _is_duckdb(start) or start.startswith(b"SQLite format 3")


def _checksum(content: bytes | bytearray) -> int:
    """Return what DuckDB stands before each block, so that the version is all that is wrong."""
    checksum = 5381
    for (number,) in struct.iter_unpack("<Q", content):
        checksum ^= number * 0xBF58476D1CE4E5B9 % 2**64
    return checksum


def _close(path: Path) -> None:
    path.chmod(0)


OF_FILES: dict[str, Spoil] = {"emptied": _empty, "cut": _cut, "flipped": _flip}
OF_DATABASES: dict[str, Spoil] = {"of a newer version": _newer}
OF_ALL: dict[str, Spoil] = {
    "lost": _lose,
    "of another kind": _another_kind,
    "a dangling link": _dangle,
    "unreadable": _close,
}


def damages(root: Path) -> Iterator[tuple[Path, str, Spoil]]:
    """Yield each path below a warehouse (itself as well), with each way to spoil it."""
    for path in (root, *sorted(root.rglob("*"))):
        if path.is_symlink() or not path.exists() or "current" in path.relative_to(root).parts[:-1]:
            continue
        ways = OF_ALL
        if path.is_file() and path.stat().st_size > 1:
            ways = OF_FILES | OF_ALL | (OF_DATABASES if _is_database(path) else {})
        yield from ((path.relative_to(root), name, spoil) for name, spoil in ways.items())
