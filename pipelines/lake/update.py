"""Brings the lake up to date with the published copy: the days whose digest differs, in one transaction with the digests.

What the copy holds belongs to relations.py, opening the lake to connection.py, removing what is old to expiry.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from pipelines.clock import Clock
from pipelines.database.connection import Connection, Warehouse
from pipelines.database.sql_text import literal, statement
from pipelines.errors import NothingPublished, RecoupError
from pipelines.lake.connection import LAKE, open_lake
from pipelines.lake.days import Day, write_days
from pipelines.lake.expiry import clean
from pipelines.lake.relations import PUBLISHED, Relation, published_macros, published_relations
from pipelines.lake.shards import HANDED_OVER
from pipelines.lake.tables import make_what_differs
from pipelines.lake.writer import Writer
from pipelines.publish.snapshots import Snapshot, current_snapshot
from pipelines.settings import Settings

AUTHOR = "recoup-warehouse"


@dataclass(slots=True)
class LakeReport:
    """What publishing into the lake did; `version` is DuckLake's number of what readers now see."""

    snapshot_number: int
    version: int = 0
    written_days: dict[str, list[Day]] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)

    @property
    def is_changed(self) -> bool:
        """True when something was written."""
        return bool(self.written_days or self.made)


@dataclass(slots=True)
class LakeUpdate:
    """How it went to bring the lake up to date: nothing of both where no lake is named."""

    report: LakeReport | None = None
    error: RecoupError | None = None

    def raise_failure(self) -> None:
        """Raise the error, once the caller has told what is live."""
        if self.error is not None:
            raise self.error


def publish_into_lake(settings: Settings, clock: Clock, *, takes_over: bool = False) -> LakeReport:
    """Write what differs from the live copy, in one transaction, and remove what is too old to be kept.

    Of a shard, only what its polls brought. Killed or failed at any step, readers see the lake as it was. Publishing
    the same again writes nothing. With `takes_over`, also into a lake that another home has written.
    Raises LakeFailed, WarehouseBusy while another publishes, and NothingPublished.
    """
    warehouse = Warehouse.of(settings)
    with warehouse.publishing():
        snapshot = current_snapshot(settings.layout)
        if snapshot is None:
            raise NothingPublished("nothing is published yet in this warehouse; run `recoup-warehouse nightly` first")
        with warehouse.open_copy(snapshot.path) as copy:
            relations, macros = published_relations(copy), published_macros(copy)
        if settings.shard:
            relations, macros = [one for one in relations if one.key in HANDED_OVER], {}
        writer = Writer.of(settings, snapshot, takes_over=takes_over)
        with open_lake(settings) as con:
            con.execute(f"attach {literal(snapshot.path)} as {PUBLISHED} (read_only)")
            report = _bring_up_to_date(con, snapshot, writer, relations, macros)
            clean(con, clock(), settings.lake_kept_days, is_changed=report.is_changed)
            row = con.execute(f"select max(snapshot_id) from {LAKE}.snapshots()").fetchone()  # noqa: S608
            report.version = int(row[0]) if row else 0
    return report


def _bring_up_to_date(
    con: Connection,
    snapshot: Snapshot,
    writer: Writer,
    relations: Sequence[Relation],
    macros: Mapping[str, str],
) -> LakeReport:
    """Make the open lake equal to a snapshot: whole, or not at all."""
    report = LakeReport(snapshot.number)
    con.execute("begin")
    try:
        con.execute(statement("lake", "own_tables"))
        writer.refuse_another(con)
        report.made = make_what_differs(con, relations, macros)
        report.written_days = write_days(con, [relation for relation in relations if not relation.view_sql])
        if not report.is_changed and not writer.takes_over:
            con.execute("rollback")
            return report
        writer.sign(con)
        message = f"snapshot {snapshot.number} of {snapshot.published_at:%Y-%m-%d %H:%M:%S} UTC"
        con.execute(f"call {LAKE}.set_commit_message({literal(AUTHOR)}, {literal(message)})")
        con.execute("commit")
    except (duckdb.Error, RecoupError):
        _forget(con)
        raise
    return report


def _forget(con: Connection) -> None:
    """Roll back; a commit that failed, and a catalog that is gone, leave nothing to roll back."""
    try:
        con.execute("rollback")
    except duckdb.Error:
        return
