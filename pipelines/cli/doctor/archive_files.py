"""The look at the archive that `verify` and `doctor` share: stray files, every ledger, every body, the chain.

Nothing is repaired here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import duckdb

from pipelines.archive.chain import Head
from pipelines.archive.store import Archive
from pipelines.archive.verify import NOTHING, Known, Verdict, verify
from pipelines.cli.doctor.finding import Finding
from pipelines.console.number_format import count, shown_path
from pipelines.database.connection import open_published
from pipelines.errors import NothingPublished
from pipelines.load.poll_rows import known_polls
from pipelines.paths import Layout
from pipelines.progress import Progress
from pipelines.publish.snapshots import noted_heads


def examine_archive(layout: Layout, *, is_deep: bool) -> Iterator[Finding]:
    """Name files that are not what was written."""
    for stray in Archive(layout.archive).strays():
        yield Finding("warn", "archive", f"{shown_path(stray)} is no ledger of a poll", "move it away; it is not read")
    if not is_deep:
        return
    found = verified(layout)
    yield from (Finding("fail", "archive", str(damage.error)) for damage in found.damages)
    if not found.damages:
        yield Finding("ok", "archive", "; ".join([*told(found)]))


def verified(layout: Layout, heads: Sequence[Head] = (), progress: Progress | None = None) -> Verdict:
    """Read the whole archive, and compare it with the copies that readers have, and with heads that somebody noted."""
    known = _published(layout)
    noted = {f"who gave {head.number}:{head.line_hash[:8]}...": head for head in heads}
    return verify(Archive(layout.archive), replace(known, heads=noted_heads(layout) | noted), progress)


def told(found: Verdict) -> Iterator[str]:
    """Say what was read, and how far the chain reaches."""
    read = f"{count(found.poll_count, 'poll')} and {count(found.body_count, 'body', 'bodies')} read"
    yield f"{read}, every byte as it was written"
    yield f"the chain ends at {found.head}" if found.head else "there is no chain yet: the next poll begins it"
    if found.unchained_until:
        yield f"polls up to {found.unchained_until} are older than the chain, so nothing seals their ledgers"
    if found.unsealed:
        yield f"{count(len(found.unsealed), 'poll')} not sealed yet (under way, killed or copied; the next load does it)"
    if found.given_up_count:
        yield f"{count(found.given_up_count, 'poll')} lost, and given up with `rebuild --accept-loss`"


def _published(layout: Layout) -> Known:
    """Return the polls that readers see; what is wrong with their copy, another examination tells."""
    try:
        with open_published(layout) as con:
            return known_polls(con)
    except (NothingPublished, duckdb.Error):
        return NOTHING
