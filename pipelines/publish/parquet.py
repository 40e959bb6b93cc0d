"""Parquet from the published copy: one folder per table, one file per day where a table has a `date`, live by a rename.

Which tables there are and what they say belongs to the models; nothing here knows one by name.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.atomic_write import sync
from pipelines.database.connection import Connection, database_of, open_published
from pipelines.database.sql_text import identifier, literal, statement
from pipelines.errors import BadSettings
from pipelines.paths import Layout
from pipelines.progress import Progress
from pipelines.publish.publisher import PUBLISHED_SCHEMAS

MANIFEST = "export.json"
DAY = "date"


@dataclass(frozen=True, slots=True)
class Export:
    """What was written: where, from which snapshot, and how many rows of each `schema.table`."""

    folder: Path
    snapshot_number: int
    row_counts: dict[str, int]


def export_parquet(layout: Layout, out: Path, *, progress: Progress | None = None) -> Export:
    """Write every table and view of the published copy below `out`, replacing an earlier export whole.

    A reader of `out` sees the old export or the new one, never half of one. All tables are of one snapshot.
    Raises NothingPublished, and BadSettings when `out` holds anything but an export.
    """
    with closing(open_published(layout)) as con:
        # The connection is on a snapshot's own path, whatever was published since.
        number = int(database_of(con).parent.name)
        return write_parquet(con, out, {"snapshot": number}, progress=progress)


def write_parquet(con: Connection, out: Path, origin: dict[str, Any], *, progress: Progress | None = None) -> Export:
    """Write every table and view of an open database below `out`; `origin` is written beside them, with its `snapshot`."""
    out = out.expanduser().absolute()
    with _new_folder(out) as folder:
        row_counts = dict(_write_tables(con, folder, progress))
        facts = origin | {"format": "parquet", "row_counts": row_counts}
        (folder / MANIFEST).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        _settle(folder)
        _replace(out, folder)
    return Export(out, origin["snapshot"], row_counts)


def _write_tables(con: Connection, folder: Path, progress: Progress | None) -> Iterator[tuple[str, int]]:
    tables = con.execute(statement("publish", "exported_tables"), {"day": DAY, "schemas": PUBLISHED_SCHEMAS}).fetchall()
    for done, (schema, table, has_days) in enumerate(tables):
        if progress:
            progress(f"{schema}.{table}", done, len(tables))
        target = folder / schema / table
        target.mkdir(parents=True)
        yield f"{schema}.{table}", _write_table(con, f"{identifier(schema)}.{identifier(table)}", target, has_days)


def _write_table(con: Connection, relation: str, target: Path, has_days: bool) -> int:
    destination, options = (target, f", partition_by ({DAY})") if has_days else (target / "data_0.parquet", "")
    # A table without rows would leave no file at all when it is partitioned, and so no columns to read.
    if has_days and con.execute(f"select 1 from {relation} limit 1").fetchone() is None:  # noqa: S608
        destination, options = target / "data_0.parquet", ""
    copied = con.execute(
        f"copy (from {relation}) to {literal(destination)} (format parquet, compression zstd{options})"
    ).fetchone()
    return int(copied[0]) if copied else 0


@contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    """Give an empty folder beside `out`. If an earlier export was killed between its two renames, undo the first one."""
    out.parent.mkdir(parents=True, exist_ok=True)
    new, aside = _beside(out)
    if aside.exists() and not out.exists():
        aside.rename(out)
    for leftover in (new, aside):
        shutil.rmtree(leftover, ignore_errors=True)
    _refuse_anything_else(out)
    new.mkdir()
    try:
        yield new
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _replace(out: Path, new: Path) -> None:
    _, aside = _beside(out)
    if out.exists():
        out.rename(aside)
    new.rename(out)
    sync(out.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _beside(out: Path) -> tuple[Path, Path]:
    return out.with_name(f".{out.name}.new"), out.with_name(f".{out.name}.old")


def _refuse_anything_else(out: Path) -> None:
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise BadSettings(f"--out {out} is not a folder; name one that an export may replace")
    if out.exists() and any(out.iterdir()) and not (out / MANIFEST).is_file():
        raise BadSettings(f"--out {out} holds other files than an export, and would be replaced; name another folder")


def _settle(folder: Path) -> None:
    for directory, _, files in os.walk(folder, topdown=False):
        for name in files:
            sync(Path(directory, name))
        sync(Path(directory))
