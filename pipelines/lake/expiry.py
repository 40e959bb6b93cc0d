"""Removes from the lake what is too old to be kept: versions, the files of those alone, and files that nobody names.

A file goes a day after the last version that needs it has gone, so that no reader loses what it has open.
"""

from datetime import datetime, timedelta

from pipelines.database.connection import Connection
from pipelines.database.sql_text import literal, statement
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
    con.execute(f"set variable unseen_since = {literal(now - timedelta(days=kept_days))}")
    if old := [version for (version,) in con.execute(statement("lake", "old_versions")).fetchall()]:
        con.execute(f"call ducklake_expire_snapshots('{LAKE}', versions => {old})")
    unread_since = literal(now - LONGEST_READER)
    con.execute(f"call ducklake_cleanup_old_files('{LAKE}', older_than => {unread_since})")
    con.execute(f"call ducklake_delete_orphaned_files('{LAKE}', older_than => {unread_since})")
