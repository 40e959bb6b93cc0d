"""Writing private files whole or not at all: beside the place, then by a rename; or at the end, or taken back.

What files hold belongs elsewhere.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.paths import PRIVATE_FILE_MODE

TEMPORARY = ".tmp"


def write_whole(
    path: Path,
    content: bytes,
    *,
    is_synced: bool = False,
    beside: Path | None = None,
    mode: int = PRIVATE_FILE_MODE,
) -> None:
    """Put `content` in the place of a file, readable by its owner alone unless `mode` says more.

    With `is_synced` it is on disk before this returns.

    Until then it lies in `beside`, or in the folder of the file. A failed write leaves nothing, a killed one a file
    that ends in TEMPORARY.
    """
    temporary = (beside or path.parent) / f"{path.name}.{os.getpid()}-{threading.get_ident()}{TEMPORARY}"
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE_FILE_MODE)
    try:
        with naming(path), os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
        if is_synced:
            sync(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if is_synced:
        sync(path.parent)


def create_whole(path: Path, mode: int = PRIVATE_FILE_MODE) -> None:
    """Make an empty file, its name on disk before this returns. Raises FileExistsError."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode))
    sync(path.parent)


def append_whole(path: Path, content: bytes) -> None:
    """Add `content` to the end of a file, on disk before it returns; after an error the file is as it was."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
    try:
        before = os.fstat(descriptor).st_size
        try:
            written = 0
            with naming(path):
                while written < len(content):
                    written += os.write(descriptor, content[written:])
                os.fsync(descriptor)
        except BaseException:
            os.ftruncate(descriptor, before)
            raise
    finally:
        os.close(descriptor)


def sync(path: Path) -> None:
    """Flush one file, or the names in one folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with naming(path):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let errors of calls that know only a number of an open file name the file."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
