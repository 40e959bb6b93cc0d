"""The doctor's look at the archive: files that are none of ours and, when asked to, every ledger and every body.

Nothing is repaired here.
"""

from collections.abc import Iterator

from pipelines.archive.store import Archive
from pipelines.archive.verify import verify
from pipelines.cli.doctor.finding import Finding
from pipelines.console.number_format import count, shown_path
from pipelines.paths import Layout


def examine_archive(layout: Layout, *, is_deep: bool) -> Iterator[Finding]:
    """Name files that are not what was written."""
    archive = Archive(layout.archive)
    for stray in archive.strays():
        yield Finding("warn", "archive", f"{shown_path(stray)} is no ledger of a poll", "move it away; it is not read")
    if not is_deep:
        return
    is_sound = True
    for damage in verify(archive):
        is_sound = False
        yield Finding("fail", "archive", str(damage.error))
    if is_sound:
        yield Finding("ok", "archive", f"{count(len(archive.poll_ids()), 'poll')} read, every byte as it was written")
