"""What nights leave in the ledger beside incidents: how many failed in a row, when the last good one was, sizes.

Incidents and messages belong to ledger.py.
"""

import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime

from pipelines.incidents.ledger import open_ledger
from pipelines.paths import Layout


def count_failed_nights(con: sqlite3.Connection, *, has_failed: bool, now: datetime) -> int:
    """Count the nights that failed one after the other, this one included."""
    row = con.execute("select value from facts where name = 'failed_nights'").fetchone()
    nights = (int(row["value"]) if row else 0) + 1 if has_failed else 0
    con.execute("insert or replace into facts values ('failed_nights', ?)", [str(nights)])
    if not has_failed:
        con.execute("insert or replace into facts values ('last_good_night_at', ?)", [now.isoformat()])
    return nights


def last_good_night(layout: Layout) -> datetime | None:
    """Return when the last good night ended; None when none is known."""
    if not layout.incident_ledger.exists():
        return None
    with open_ledger(layout) as con:
        row = con.execute("select value from facts where name = 'last_good_night_at'").fetchone()
    return datetime.fromisoformat(row["value"]) if row else None


def keep_sizes(con: sqlite3.Connection, sizes: Mapping[str, float]) -> None:
    """Keep how big folders were after a night."""
    con.execute("insert or replace into facts values ('folder_sizes', ?)", [json.dumps(sizes)])


def kept_sizes(layout: Layout) -> dict[str, float]:
    """Return how big folders were after the last night; nothing when none was."""
    if not layout.incident_ledger.exists():
        return {}
    with open_ledger(layout) as con:
        row = con.execute("select value from facts where name = 'folder_sizes'").fetchone()
    return dict(json.loads(row["value"])) if row else {}
