"""The doctor's look at the archive: files that are none of ours and, when asked to, every ledger and every body.

Nothing is repaired here.
"""

from collections.abc import Iterator

import duckdb

from pipelines.archive.store import Archive
from pipelines.archive.verify import NONE, Loaded, verify
from pipelines.cli.doctor.finding import Finding
from pipelines.console.number_format import count, shown_path
from pipelines.database.connection import open_published
from pipelines.errors import NothingPublished
from pipelines.load.poll_rows import loaded_polls
from pipelines.paths import Layout


def examine_archive(layout: Layout, *, is_deep: bool) -> Iterator[Finding]:
    """Name files that are not what was written."""
    archive = Archive(layout.archive)
    for stray in archive.strays():
        yield Finding("warn", "archive", f"{shown_path(stray)} is no ledger of a poll", "move it away; it is not read")
    if not is_deep:
        return
    faults = [str(damage.error) for damage in verify(archive, _published(layout))]
    yield from (Finding("fail", "archive", fault) for fault in faults)
    if not faults:
        yield Finding("ok", "archive", f"{count(len(archive.poll_ids()), 'poll')} read, every byte as it was written")


def _published(layout: Layout) -> Loaded:
    """Return the polls that readers see; what is wrong with their copy, another examination tells."""
    try:
        with open_published(layout) as con:
            return loaded_polls(con)
    except (NothingPublished, duckdb.Error):
        return NONE
