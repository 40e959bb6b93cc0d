"""Publishes the work file: a verified, read-only copy of it becomes what people open, by one rename.

Write, audit, publish: only the copying needs the writer's lock; the copy is read whole and judged before anybody opens
it. How snapshots lie on disk belongs to snapshots.py; what must be true of the numbers is the caller's to say.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from pipelines.archive.store import Archive
from pipelines.clock import Clock
from pipelines.database.connection import Connection, Warehouse
from pipelines.database.sql_text import identifier, statement
from pipelines.errors import MachineFault, PublishRefused, WarehouseBusy
from pipelines.machine_faults import is_damage, without_names
from pipelines.paths import Layout
from pipelines.publish import snapshots
from pipelines.publish.file_copy import copy_file
from pipelines.publish.snapshots import Snapshot

RowCounts = dict[str, int]
Extras = Callable[[Path, Path], None]
OnStep = Callable[[str], None]
Judge = Callable[[Connection], None]

PUBLISHED_SCHEMAS = ["core", "marts"]
_SPARE_BYTES = 16 * 2**20


def publish(
    warehouse: Warehouse,
    *,
    kept: int,
    clock: Clock,
    prepare: Judge,
    audit: Judge,
    extras: Extras | None = None,
    on_step: OnStep = lambda _: None,
) -> Snapshot:
    """Copy the work file into a new snapshot, audit the copy, and let `current` point to it.

    `prepare` makes the work file fit to be copied, under the writer's lock. `audit` judges the copy, without it: both
    raise what stands in the way. `extras(published_copy, folder)` may add files, like a report, that go live with the
    copy. Killed at any step, the previous snapshot stays live and the next publish cleans up. `on_step` hears each
    step done.

    Raises PublishRefused, MachineFault and WarehouseBusy; what people open stays as it was.
    """
    layout = warehouse.layout
    with warehouse.publishing(), _refusing_damage(layout):
        snapshots.clean_leftovers(layout)
        snapshots.prune(layout, kept, clock())
        on_step("cleaned")
        with snapshots.staging(layout) as (number, folder):
            with warehouse.locked():
                row_counts = seal(warehouse, prepare)
                on_step("sealed")
                snapshot = _copy(layout, number, folder, row_counts, clock)
            on_step("copied")
            _audit(warehouse, folder, snapshot, audit)
            on_step("audited")
            _settle(folder, snapshot, extras)
            on_step("settled")
            snapshots.enroll(layout, folder, number)
        on_step("enrolled")
        snapshots.flip(layout, number)
        on_step("flipped")
        snapshots.prune(layout, kept, clock())
    return snapshot


def seal(warehouse: Warehouse, prepare: Judge = lambda _: None) -> RowCounts:
    """Prepare, checkpoint and close the work file, so that it alone, without a .wal, holds every row; count them.

    Raises PublishRefused when there is no work file, or it holds what is not published, and WarehouseBusy when
    somebody else has it open.
    """
    work_file = warehouse.layout.work_file
    if not work_file.exists():
        raise PublishRefused(f"there is nothing to publish at {work_file}; run `recoup-warehouse nightly` first")
    with _opening(work_file), warehouse.open(work_file) as con:
        prepare(con)
        con.execute("checkpoint")
        _refuse_foreign_objects(con, work_file)
        row_counts = count_rows(con)
    _refuse_if_still_open(work_file)
    _refuse_wal(work_file)
    return row_counts


def verify(con: Connection, expected: RowCounts) -> None:
    """Read every column of every table once, and compare their rows with what the original held.

    DuckDB finds a damaged block only when it reads it. Raises PublishRefused when rows differ, duckdb.Error when they
    cannot be read.
    """
    found = read_rows(con, [*expected])
    differing = sorted({(table, count) for table, count in expected.items() if found.get(table) != count})
    if differing:
        raise PublishRefused(f"the copy differs from the work file in {differing[:4]}; publish again")


def read_rows(con: Connection, relations: list[str]) -> RowCounts:
    """Read every value of the named tables and views, and count their rows."""
    counts: RowCounts = {}
    for relation in relations:
        name = ".".join(map(identifier, relation.split(".", 1)))
        row = con.execute(f"select count(*), bit_xor(hash(every)) from {name} as every").fetchone()  # noqa: S608
        counts[relation] = int(row[0]) if row else 0
    return counts


def count_rows(con: Connection) -> RowCounts:
    """Count the rows of every table in the published schemas, keyed by `schema.table`."""
    tables = con.execute(statement("publish", "published_tables"), {"schemas": PUBLISHED_SCHEMAS}).fetchall()
    if not tables:
        return {}
    counts = " union all ".join(
        f'select \'{schema}.{table}\', count(*) from "{schema}"."{table}"'  # noqa: S608 (names of our own models)
        for schema, table in tables
    )
    return dict(con.execute(counts).fetchall())


def _copy(layout: Layout, number: int, folder: Path, row_counts: RowCounts, clock: Clock) -> Snapshot:
    size = layout.work_file.stat().st_size
    free = shutil.disk_usage(folder).free
    if free < size + _SPARE_BYTES:
        raise MachineFault(
            f"a copy needs {size:,} bytes and {layout.root} has {free:,} left; free some, "
            "or lower RECOUP_SNAPSHOTS_KEPT"
        )
    copy_file(layout.work_file, folder / layout.work_file.name)
    final = layout.snapshots / str(number) / layout.published_file.name
    snapshot = Snapshot(number, final, clock(), size, row_counts, Archive(layout.archive).chain.head())
    snapshots.write_manifest(folder, snapshot)
    return snapshot


def _audit(warehouse: Warehouse, folder: Path, snapshot: Snapshot, audit: Judge) -> None:
    with warehouse.open_copy(folder / snapshot.path.name) as con:
        verify(con, snapshot.row_counts)
        audit(con)


def _settle(folder: Path, snapshot: Snapshot, extras: Extras | None) -> None:
    copy = folder / snapshot.path.name
    if extras is not None:
        extras(copy, folder)
    _refuse_wal(copy)
    snapshots.settle(folder)


def published_relations(con: Connection) -> list[str]:
    """List the tables and views of the published schemas as `schema.name`."""
    found = con.execute(statement("publish", "published_relations"), {"schemas": PUBLISHED_SCHEMAS}).fetchall()
    return [f"{schema}.{name}" for schema, name in found]


@contextmanager
def _opening(work_file: Path) -> Iterator[None]:
    """Say who else has the work file open: a program that ignores the lock, or this process."""
    try:
        yield
    except duckdb.BinderException as error:
        if "unique file handle" not in without_names(str(error)):
            raise
        raise PublishRefused(
            f"a connection of this process still has {work_file} open; close it and publish again"
        ) from error
    except duckdb.IOException as error:
        if "set lock" not in without_names(str(error)):
            raise
        raise WarehouseBusy(
            f"another program has {work_file} open ({_first_line(error)}); close it there, "
            "and let it open current/recoup.duckdb instead"
        ) from error


def _refuse_foreign_objects(con: Connection, work_file: Path) -> None:
    found = [
        name
        for (name,) in con.execute(statement("publish", "foreign_objects"), {"schemas": PUBLISHED_SCHEMAS}).fetchall()
    ]
    if found:
        raise PublishRefused(
            f"{work_file} holds more than the schemas core and marts: {', '.join(found[:5])}; "
            "drop it, or run `recoup-warehouse rebuild`, and publish again"
        )


def _refuse_if_still_open(work_file: Path) -> None:
    """Refuse when another connection of this process keeps the work file open after ours is closed.

    Copying would open and close the file once more, and any close drops the POSIX lock that DuckDB holds on
    it: a second writer could come in. DuckDB refuses to mix access modes before it touches the file.
    """
    with _opening(work_file):
        duckdb.connect(str(work_file), read_only=True).close()


def _refuse_wal(file: Path) -> None:
    """Refuse a write-ahead log beside a file: DuckDB 1.5 replays it silently, even if another program wrote it."""
    wal = file.with_name(file.name + ".wal")
    if wal.exists():
        raise PublishRefused(f"{wal} exists after the checkpoint; find what writes there and publish again")


@contextmanager
def _refusing_damage(layout: Layout) -> Iterator[None]:
    """A copy that cannot be read is refused; other faults of the machine pass, and are told where all are."""
    try:
        yield
    except duckdb.Error as error:
        if not is_damage(error):
            raise
        raise PublishRefused(
            f"{layout.work_file} or its new copy is damaged ({_first_line(error)}); what people open is untouched; "
            "run `recoup-warehouse rebuild` and publish again"
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
