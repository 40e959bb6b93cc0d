"""The gatherer: what all shards handed over becomes the core of one warehouse, in place of a poll.

How rows of several shards become one is said in sql/gather; what a shard hands over, in shards.py.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from pipelines.clock import Clock
from pipelines.database.connection import SPILL_OF_POLL, Connection, Warehouse, roll_back
from pipelines.database.core_schema import Columns, apply_core, expected_columns
from pipelines.database.sql_text import first_row, identifier, literal, rows, statement
from pipelines.errors import BadModel, BadSettings, LakeFailed
from pipelines.lake.connection import attach, open_duckdb, place_of
from pipelines.lake.faults import in_words_of_a_lake
from pipelines.lake.shards import MARK, TABLES
from pipelines.lake.writer import note_gathering
from pipelines.lake_settings import POSTGRES
from pipelines.load.hash_key import Privacy
from pipelines.load.poll_rows import PollSummary
from pipelines.machine_faults import without_names
from pipelines.progress import Progress
from pipelines.schedule.poll_interval import Cadence, write_state
from pipelines.settings import Settings

STEPS = ("01_of_one_shard", "02_runs", "03_tasks", "04_versions", "05_holes")
# A shard that missed its night.
LATE_AFTER = timedelta(hours=26)
AGAIN = "what was gathered before is as it was; gather again with `recoup-warehouse poll`"


def gather(settings: Settings, *, clock: Clock, progress: Progress | None = None) -> PollSummary:
    """Make core what all shards handed over, each at its newest version; whole, or not at all.

    Returns the last polls of all shards as one; partial when a shard is late, of whose accounts nothing is known since.
    Raises LakeFailed, BadSettings when shards do not belong together, BadModel when one is of another version of the
    program, and WarehouseBusy; core stays as it was then.
    """
    warehouse = Warehouse.of(settings)
    with warehouse.polling(), in_words_of_a_lake(settings, AGAIN), open_duckdb(settings, SPILL_OF_POLL) as con:
        # The lake may be slow, so it is read before the writer's lock is taken.
        with _shards(con, settings, progress) as (found, missing):
            _refuse_lost(settings, warehouse, missing)
            copy_told(con, found)
        _refuse_mixed(con, settings)
        with warehouse.locked(), warehouse.attached(con, settings.layout.work_file):
            apply_core(con)
            note_gathering(settings, clock(), found)
            merge(con)
            write_state(settings.layout, Cadence(last_poll_at=clock()))
            return _summary(con, settings.shards, missing, clock())


@contextmanager
def _shards(
    con: Connection, settings: Settings, progress: Progress | None
) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """Attach the lakes of shards; give the names of those that are there, and of those that are not."""
    found, missing = list[str](), list[str]()
    for done, shard in enumerate(settings.shards, start=1):
        (found if _attached(con, settings, shard) else missing).append(shard)
        if progress:
            progress("reading shards", done, len(settings.shards))
    if not found:
        raise LakeFailed(
            f"no shard has handed over anything yet ({', '.join(missing)}); run `recoup-warehouse nightly` at each, "
            "and see that RECOUP_LAKE_CATALOG and RECOUP_LAKE_DATA are the same there and here"
        )
    yield found, missing
    for shard in found:
        con.execute(f"detach {_name(shard)}")


def _attached(con: Connection, settings: Settings, shard: str) -> bool:
    place = place_of(settings, shard)
    if not place.catalog.startswith(POSTGRES) and not Path(place.catalog).exists():
        return False
    try:
        con.execute(attach(settings, place, _name(shard), read_only=True))
    except duckdb.InvalidInputException as error:
        if "does not exist" not in without_names(str(error)):
            raise
        return False
    if columns := _columns(con, shard):
        _refuse_other_version(shard, columns)
        return True
    con.execute(f"detach {_name(shard)}")  # killed before it handed anything over
    return False


def _columns(con: Connection, shard: str) -> Columns:
    found: dict[str, list[tuple[str, str]]] = {}
    for database, table, column, data_type in con.execute(statement("gather", "columns")).fetchall():
        if database != f"shard_{shard}":
            continue
        found.setdefault(table, []).append((column, data_type))
    return {table: tuple(columns) for table, columns in found.items()}


def _refuse_other_version(shard: str, found: Columns) -> None:
    expected = expected_columns()
    differing = [table for table in TABLES if found.get(table) != expected[table]]
    if differing:
        raise BadModel(
            f"shard {shard} handed over core.{differing[0]} with other columns than here: it runs another version of this "
            "program. Bring both to the same one; the shard hands over anew with `recoup-warehouse nightly`"
        )


def _refuse_lost(settings: Settings, warehouse: Warehouse, missing: Sequence[str]) -> None:
    """Raise LakeFailed when a lake is gone that was gathered before: its accounts would be, too."""
    if not missing or not settings.layout.work_file.exists():
        return
    with warehouse.write() as con:
        apply_core(con)
        known = {shard for (shard,) in con.execute("select distinct core.shard_of(poll_id) from core.polls").fetchall()}
    if lost := sorted(known & {*missing}):
        raise LakeFailed(f"the lake of shard {lost[0]} is gone, which was gathered before; {AGAIN} when it is back")


def copy_told(con: Connection, shards: Sequence[str]) -> None:
    """Copy what shards hold, which are attached, into temporary tables: of each shard one version."""
    con.execute("begin")
    for table in TABLES:
        told = " union all by name ".join(_told(table, shard) for shard in shards)
        con.execute(f"create temp table told_{table} as {told}")
    con.execute("commit")


def _told(table: str, shard: str) -> str:
    """SQL of the rows of a shard, with ids of polls that no other shard has."""
    mark = MARK + shard
    marked = [
        f"{name} || {literal(mark)} as {name}" for name, _ in expected_columns()[table] if name.endswith("poll_id")
    ]
    if table in ("coverage_gaps", "missing_runs"):
        marked.append(f"replace(gap_id, '/', {literal(mark + '/')}) as gap_id")
    replaced = f" replace ({', '.join(marked)})" if marked else ""
    return f"select *{replaced}, {literal(shard)} as shard from {_name(shard)}.core.{table}"  # noqa: S608 - own names


def _name(shard: str) -> str:
    return identifier(f"shard_{shard}")


def _refuse_mixed(con: Connection, settings: Settings) -> None:
    """Raise BadSettings when shards hashed by different keys, or polled a simulated and the real API."""
    query = "select shard, hash_key_id from told_polls where hash_key_id <> ? limit 1"
    if other := con.execute(query, [Privacy.of(settings).key_id()]).fetchone():
        raise BadSettings(
            f"shard {other[0]} hashed by another RECOUP_PRIVACY_KEY than that of this warehouse; set the same for all "
            "(`recoup-warehouse rebuild --new-privacy-key` hashes anew there)"
        )
    sources = con.execute(statement("gather", "sources")).fetchall()
    if len(sources) > 1:
        told = ", ".join(f"{source} at {shard}" for source, shard in sources)
        raise BadSettings(
            f"shards hold simulated and real data, which must not mix: {told}. Take one out of RECOUP_SHARDS"
        )


def merge(con: Connection) -> None:
    """Make core of what was copied, in one transaction."""
    con.execute("begin")
    try:
        for step in STEPS:
            con.execute(statement("gather", step))
        con.execute("commit")
    except BaseException:
        roll_back(con)
        raise


def _summary(con: Connection, shards: Sequence[str], missing: Sequence[str], now: datetime) -> PollSummary:
    """Tell of the last polls of all shards as of one."""
    since = {row["shard"]: row["last_at"] for row in rows(con.execute(statement("gather", "last_polls")))}
    late = [f"shard {shard} has handed over nothing yet" for shard in missing]
    late += [
        f"shard {shard} has handed over nothing since its poll of {at:%Y-%m-%d %H:%M:%S} UTC"
        for shard in shards
        if (at := since.get(shard)) is not None and now - at > LATE_AFTER
    ]
    told = first_row(con.execute(statement("gather", "summary")))
    if late:
        told |= {
            "status": "partial",
            "error_message": f"{'; '.join(late)}: what its accounts did since is unknown. Look at that machine",
        }
    return PollSummary(**told)
