"""Which days a night checks: those built since the published copy, which was checked when it was published.

What is checked belongs to checks.py; once a week all days are built, and then all are checked.
"""

from contextlib import closing, suppress
from datetime import date

import duckdb

from pipelines.database.connection import Connection, open_published
from pipelines.database.sql_text import first_row, statement
from pipelines.errors import NothingPublished
from pipelines.paths import Layout


def days_to_check(con: Connection, layout: Layout) -> list[date] | None:
    """Return the days of `con` that are not those of the published copy; None when that cannot be told, so all are."""
    with suppress(NothingPublished, duckdb.Error), closing(open_published(layout)) as published:
        before = first_row(published.execute(statement("build", "last_build")))
        found = con.execute(statement("build", "days_since"), before).fetchone() if before else None
        return list(found[0]) if found else None
    return None
