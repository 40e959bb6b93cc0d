"""The doctor's look at what the machine can do: links, locks, syncing, modes, and whether the published copy can be read.

It tries them in a folder of its own, which is gone afterwards.
"""

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.atomic_write import sync
from pipelines.cli.doctor.finding import Finding
from pipelines.console.number_format import count, shown_path
from pipelines.database.connection import open_published
from pipelines.machine_faults import in_words
from pipelines.paths import PRIVATE_FILE_MODE, Layout
from pipelines.publish.publisher import published_relations, read_rows


def examine_machine(layout: Layout) -> Iterator[Finding]:
    """Try, in the warehouse folder, what publishing and polling need of the file system."""
    if not layout.root.exists():
        return
    failed = False
    with TemporaryDirectory(prefix=".doctor-", dir=layout.root) as name:
        for needed, attempt in PROBES.items():
            try:
                attempt(Path(name))
            except OSError as error:
                failed = True
                yield Finding("fail", "machine", f"{needed} does not work here: {in_words(error)}")
    if not failed:
        yield Finding("ok", "machine", f"{', '.join(PROBES)} work in {shown_path(layout.root)}")


def examine_copy(layout: Layout, *, is_deep: bool) -> Iterator[Finding]:
    """Read the published copy: all of it when asked to, else its last poll. Tells who has it open for writing."""
    if not layout.published_file.exists():
        return
    con = open_published(layout)
    try:
        tables = published_relations(con) if is_deep else ["core.polls"]
        rows = read_rows(con, tables)
        yield Finding("ok", "published", f"{count(sum(rows.values()), 'row')} of {count(len(rows), 'table')} read")
    finally:
        con.close()


def _link(folder: Path) -> None:
    (folder / "link").symlink_to("nowhere")
    (folder / "link").replace(folder / "link-moved")


def _lock(folder: Path) -> None:
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # DuckDB's kind


def _sync(folder: Path) -> None:
    (folder / "file").write_bytes(b"x")
    sync(folder / "file")
    sync(folder)


def _mode(folder: Path) -> None:
    path = folder / "private"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    path.chmod(PRIVATE_FILE_MODE)
    if stat.S_IMODE(path.stat().st_mode) != PRIVATE_FILE_MODE:
        raise PermissionError(1, "the file system keeps no modes, so private files are open to others", str(path))


PROBES: dict[str, Callable[[Path], None]] = {
    "symbolic links": _link,
    "locks": _lock,
    "syncing": _sync,
    "file modes": _mode,
}
