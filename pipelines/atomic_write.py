"""Writing a private file whole or not at all: beside its place, then by a rename. What files hold belongs elsewhere."""

import os
import threading
from pathlib import Path

from pipelines.paths import PRIVATE_FILE_MODE


def write_whole(path: Path, content: bytes, *, is_synced: bool = False) -> None:
    """Put `content` in the place of a file, readable by its owner alone; with `is_synced`, on disk before it returns."""
    temporary = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    if is_synced:
        sync(temporary)
    temporary.replace(path)
    if is_synced:
        sync(path.parent)


def sync(path: Path) -> None:
    """Flush one file, or the names in one folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
