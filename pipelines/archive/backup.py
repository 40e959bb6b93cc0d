"""Copying what a warehouse cannot make again: its archive, its privacy key, and the files that people keep.

A copy is a warehouse without its work file and its snapshots: `rebuild` and `publish` make those. So backing up and
restoring are the same copying, the one way and the other. Which folders, and what follows, the commands say.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pipelines.archive.poll_record import damaged, read_ledger
from pipelines.archive.store import Archive
from pipelines.atomic_write import write_whole
from pipelines.errors import ArchiveDamaged, BadSettings
from pipelines.paths import PRIVATE_DIR_MODE, Layout
from pipelines.progress import Progress


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy brought: polls that were not there before or have grown, of how many; and what could not be read."""

    new_count: int
    poll_count: int
    damaged: tuple[str, ...] = ()


def copy_warehouse(source: Layout, target: Layout, progress: Progress | None = None) -> Copied:
    """Copy what `target` lacks of `source`, and read back what was copied.

    A ledger comes after the bodies that it names, so that a copy that was killed holds whole polls alone, and the next
    one goes on. The chain is read before and written after all of them, so that it names none that is not there. A
    damaged file of the source costs its own poll. Raises BadSettings for a target that holds polls which the source
    lacks: it belongs to another warehouse.
    """
    given, kept = Archive(source.archive), Archive(target.archive)
    chain = given.chain.content()
    ledgers = {path.stem: path for path in (*_ledgers(given), *_set_aside(given))}
    _refuse_others(source, target, ledgers)
    target.prepare("backup")
    _copy_files(source, target)
    lost, new_count = list[str](), 0
    for done, path in enumerate(ledgers.values(), start=1):
        try:
            new_count += _copy_poll(given, kept, path, target.archive / path.relative_to(source.archive))
        except ArchiveDamaged as error:
            lost.append(str(error))
        if progress:
            progress("copying polls", done, len(ledgers))
    kept_count = len(ledgers) - len(lost)
    if not chain.startswith(kept.chain.content()):
        lost.append(str(damaged(given.chain.path, f"{kept.chain.path} says something else")))
    elif chain:
        _put(kept.chain.path, chain)
    return Copied(new_count, kept_count, tuple(lost))


def _copy_poll(given: Archive, kept: Archive, source: Path, target: Path) -> bool:
    """Copy a ledger and its bodies; False when the ledger is there already. Ledgers only grow, so its size tells."""
    if target != kept.ledger(target.stem) and kept.ledger(target.stem).exists():
        kept.set_aside(target.stem)
    if target.exists() and target.stat().st_size == source.stat().st_size:
        return False
    content = source.read_bytes()
    if target.exists() and not content.startswith(target.read_bytes()):
        raise damaged(source, f"{target} says something else")
    record = read_ledger(source)
    for stored in record.responses if record else ():
        kept.bodies.copy(stored, given.bodies)
    _put(target, content)
    return True


def _copy_files(source: Layout, target: Layout) -> None:
    for path in source.kept_files:
        if path.exists():
            kept, content = target.root / path.relative_to(source.root), _content(path)
            if path == source.privacy_key_file:
                _keep_aside(kept, content)
            _put(kept, content)


def _keep_aside(key: Path, content: bytes) -> None:
    """Keep the key of before under another name: if the new one is a mistake, no other copy may be left."""
    if key.exists() and key.read_bytes() != content:
        number = sum(1 for _ in key.parent.glob(f"{key.name}.*")) + 1
        _put(key.with_name(f"{key.name}.{number}"), key.read_bytes())


def _content(path: Path) -> bytes:
    """Return a file as it is at one instant: what SQLite is writing may be half in its journal."""
    if path.suffix != ".sqlite":
        return path.read_bytes()
    with (
        closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as con,
        closing(sqlite3.connect(":memory:")) as copy,
    ):
        con.backup(copy)
        return copy.serialize()


def _put(path: Path, content: bytes) -> None:
    for folder in reversed([folder for folder in path.parents if not folder.exists()]):
        folder.mkdir(mode=PRIVATE_DIR_MODE, exist_ok=True)
    write_whole(path, content, is_synced=True)
    if path.read_bytes() != content:
        raise damaged(path, "it reads otherwise than it was written")


def _refuse_others(source: Layout, target: Layout, ledgers: dict[str, Path]) -> None:
    if source.root.resolve() == target.root.resolve():
        raise BadSettings(f"{target.root} is the warehouse itself; name another folder")
    kept = Archive(target.archive)
    others = [path.stem for path in (*_ledgers(kept), *_set_aside(kept)) if path.stem not in ledgers]
    if others:
        raise BadSettings(
            f"{target.root} holds a poll that {source.root} lacks ({others[0]}), so it is not a copy of it; "
            "nothing was copied: name an empty folder"
        )


def _ledgers(archive: Archive) -> Iterator[Path]:
    return (archive.ledger(poll_id) for poll_id in archive.poll_ids())


def _set_aside(archive: Archive) -> Iterator[Path]:
    return (archive.aside_ledger(poll_id) for poll_id in archive.aside_ids())
