"""Files that are kept for the next time and may be deleted at any time, in the user's cache folder.

What is kept, and how it is recognised as old or damaged, belongs to who keeps it.
"""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile


def cache_dir() -> Path:
    """Name the folder, by the usual rule. Raises RuntimeError for a user without a home."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "recoup-warehouse"


def keep(path: Path, content: bytes) -> None:
    """Put a file there, whole; on a full or a read-only disk nothing is kept."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(content)
        Path(file.name).replace(path)
    except OSError:
        return
