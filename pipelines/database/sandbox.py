"""The published copy for SQL that somebody else wrote: it reads the copy, and files only below folders that were named.

Opening it for SQL of our own belongs to connection.py.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from pipelines.database.connection import Connection, open_published
from pipelines.database.sql_text import literal
from pipelines.errors import BadSettings
from pipelines.paths import Layout

T = TypeVar("T")


@contextmanager
def sandboxed(layout: Layout, folders: Sequence[Path] = (), *, memory_limit: str | None = None) -> Iterator[Connection]:
    """Open the published copy for a stranger's SQL, which may read and write files below `folders` and nowhere else.

    `memory_limit` is DuckDB's, like "512MB"; without one it may use most of the machine's.
    Raises NothingPublished, and BadSettings for a folder that holds the warehouse or lies in it.
    """
    allowed = [_outside(layout, folder) for folder in folders]
    with TemporaryDirectory(prefix="recoup-query-") as spill, closing(open_published(layout)) as con:
        if memory_limit:
            con.execute(f"set memory_limit = {literal(memory_limit)}")
        con.execute(
            f"set temp_directory = {literal(spill)}; set python_enable_replacements = false; "
            "set autoinstall_known_extensions = false; set autoload_known_extensions = false; "
            f"set allowed_directories = {literal(allowed)}; set enable_external_access = false; "
            "set lock_configuration = true"
        )
        yield con


def ask(con: Connection, sql: str) -> Connection:
    """Run SQL, and end it when this program is interrupted."""
    return interruptible(con, lambda: con.execute(sql))


def interruptible(con: Connection, work: Callable[[], T], seconds: float | None = None) -> T:
    """Let `work` use the connection in a thread, since a signal waits until DuckDB comes up for air.

    Raises TimeoutError after `seconds`, and then, as after a signal, ends what the connection does.
    """
    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(work)
        try:
            return asked.result(seconds)
        except BaseException:
            con.interrupt()
            raise


def _outside(layout: Layout, folder: Path) -> str:
    root, real = layout.root.resolve(), folder.resolve()
    if real.is_relative_to(root) or root.is_relative_to(real):
        raise BadSettings(
            f"{folder} holds the warehouse or lies in it, whose private files no query may touch; name a folder beside it"
        )
    return str(real)
