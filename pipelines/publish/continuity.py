"""Whether a copy still has every poll that readers know of: history never shrinks, whatever the archive has lost.

What else must be true of a copy, checks say (transform/checks.py); the files are publisher.py's.
"""

from contextlib import closing, suppress

import duckdb

from pipelines.archive.store import Archive
from pipelines.database.connection import Connection, open_published
from pipelines.errors import PublishRefused
from pipelines.load.poll_rows import known_polls
from pipelines.paths import Layout


def refuse_lost_polls(con: Connection, layout: Layout) -> None:
    """Raise PublishRefused when a copy lacks polls that the published one has, unless the copy itself says so.

    Those that were set aside, since their clock was wrong, are left out on purpose.
    """
    if not layout.published_file.exists():
        return
    told = {poll_id for (poll_id,) in con.execute("select poll_id from core.polls").fetchall()}
    lost = sorted(_published(layout) - told - {*Archive(layout.archive).aside_ids()})
    if lost:
        raise PublishRefused(
            f"the new copy lacks {len(lost):,} of the polls that readers have, the first is {lost[0]}: the archive lost "
            "them. Put its files back from a backup and run `recoup-warehouse rebuild`, which names them "
            "(with --accept-loss it goes on without)"
        )


def _published(layout: Layout) -> set[str]:
    # A published copy that cannot be read, or is of another version, is no reason to keep it.
    with suppress(duckdb.Error), closing(open_published(layout)) as con:
        return {*known_polls(con).ended}
    return set()
