"""Removes from the lake what is too old to be kept: versions, the files of those alone, and files that nobody names.

A file goes a day after the last version that needs it has gone, so that no reader loses what it has open.
"""

from datetime import datetime, timedelta

from pipelines.database.connection import Connection
from pipelines.database.sql_text import literal
from pipelines.lake.connection import LAKE

# Longer than any reader's transaction, and than any publish: what is younger may be in use.
LONGEST_READER = timedelta(days=1)
# A file of which more than this share is deleted is written again.
REWRITTEN_FROM = 0.3


def clean(con: Connection, now: datetime, kept_days: int, *, is_changed: bool) -> None:
    """Join small files after a change; forget versions older than `kept_days`, and delete files that nobody needs.

    The newest version stays, those that readers saw within these days, and those in `publishing.pins`.
    """
    if is_changed:
        con.execute(f"call ducklake_rewrite_data_files('{LAKE}', delete_threshold => {REWRITTEN_FROM})")
        con.execute(f"call ducklake_merge_adjacent_files('{LAKE}')")
    if old := _old_versions(con, now - timedelta(days=kept_days)):
        con.execute(f"call ducklake_expire_snapshots('{LAKE}', versions => {old})")
    limit = literal(now - LONGEST_READER)
    con.execute(f"call ducklake_cleanup_old_files('{LAKE}', older_than => {limit})")
    con.execute(f"call ducklake_delete_orphaned_files('{LAKE}', older_than => {limit})")


def _old_versions(con: Connection, limit: datetime) -> list[int]:
    """List the versions that no reader saw as the newest since the limit, but pinned ones."""
    query = f"""
        select snapshot_id
        from (
            select snapshot_id, lead(snapshot_time) over (order by snapshot_id) as replaced_at
            from {LAKE}.snapshots()
        )
        where replaced_at < {literal(limit)}
            and snapshot_id not in (select version from {LAKE}.publishing.pins)
        order by snapshot_id
    """  # noqa: S608 - our own names
    return [int(version) for (version,) in con.execute(query).fetchall()]
