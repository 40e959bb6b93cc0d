"""Reading bodies out of packs, checking them, and copying them to another archive.

A pack is self-contained: what a recipe names lies in the same file. How entries are written belongs to pack_format.py.
"""

import os
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import xxhash

from pipelines.archive.pack_format import BadEntry, Source, Table, is_sealed, put_together, read_entry
from pipelines.archive.poll_record import Place, Stored, damaged, raise_unless_damaged
from pipelines.atomic_write import append_whole, create_whole, write_whole
from pipelines.paths import PRIVATE_DIR_MODE

# So much of what was unpacked is kept: bodies of one poll, and of polls one after another, share most of it.
CACHE_BYTES = 16 << 20
# A pack of up to so much is read as a whole: of a small fleet that is one seek for all of its polls.
WHOLE_BYTES = 8 << 20

_Entry = tuple[Table, bytes]


class _Identity(NamedTuple):
    """A file as it is now."""

    path: Path
    inode: int
    size: int
    changed_ns: int


# Which file, and from where to where in it.
_EntryKey = tuple[_Identity, int, int]


class Packs:
    """The folder `packs/<year-month>/<name>.pack`. Used by several threads."""

    def __init__(self, root: Path) -> None:
        self._root = root / "packs"
        self._incoming = root / "incoming"
        self._cache = _Cache()
        self._whole: tuple[_Identity, bytes] | None = None

    def path(self, name: str) -> Path:
        """Name the file of a pack, which is called after the poll that began it."""
        return self._root / f"{name[:4]}-{name[4:6]}" / f"{name}.pack"

    def newest(self) -> str | None:
        """The name of the pack that was begun last; None where there is none."""
        months = sorted(_names(self._root), reverse=True)
        return next((path for month in months for path in self._packs_of(month)), None)

    def begin(self, poll_id: str) -> str:
        """Make an empty pack for a poll and those after it; return its name."""
        name, number = poll_id, 1
        while self.path(name).exists():
            number += 1
            name = f"{poll_id}-{number}"
        self._make(self.path(name))
        return name

    def read(self, stored: Stored, place: Place) -> bytes:
        """Return a body, byte for byte as received. Raises ArchiveDamaged, naming the pack, when it is not."""
        path = self.path(place.pack)
        table, data = self._entry(path, place.offset, place.length)
        try:
            recipe = table.recipes[place.index]
            needed = {source for source, _, _ in recipe.pieces if source}
            datas = [data] + [
                self._entry(path, source.offset, source.length)[1] if number in needed else b""
                for number, source in enumerate(table.sources, start=1)
            ]
            body = put_together(recipe.pieces, datas)
        except IndexError as error:
            raise damaged(path, "it lacks what its ledger tells") from error
        if len(body) != stored.size or xxhash.xxh3_128_hexdigest(body) != stored.body_hash:
            raise damaged(path, "it holds another body")
        return body

    def check(self, stored: Stored, place: Place) -> None:
        """Raise ArchiveDamaged, naming the pack, unless a body and all that it is made of are what was written."""
        path = self.path(place.pack)
        for source in self._needed(stored, place):
            self.check_entry(path, source)
        self.read(stored, place)

    def check_entry(self, path: Path, source: Source) -> None:
        """Raise ArchiveDamaged unless an entry has the SHA-256 that is told of it."""
        if not self._cache.is_sound(path, source):
            if not is_sealed(self.bytes_of(path, source.offset, source.length), source.digest):
                raise damaged(path, "its bytes are not those that its ledger tells")
            self._cache.note_sound(path, source)

    def data(self, path: Path, source: Source) -> bytes:
        """Return the bytes of an entry, unpacked. Raises ArchiveDamaged."""
        return self._entry(path, source.offset, source.length)[1]

    def copy(self, stored: Stored, place: Place, given: "Packs") -> None:
        """Take over what a body is made of from another archive, and read it back.

        The other pack only grows, so its end is added here; where this one holds something else, that is put right.
        """
        given.check(stored, place)
        source, target = given.path(place.pack), self.path(place.pack)
        if not target.exists():
            self._make(target)
        for entry in given._needed(stored, place):
            self._take_over(source, target, entry)
        self.check(stored, place)

    def bytes_of(self, path: Path, offset: int, length: int) -> bytes:
        """Read some bytes of a pack. Raises ArchiveDamaged where the disk refuses, or the file is shorter."""
        identity = _identity(path)
        if identity.size > WHOLE_BYTES:
            return range_of(path, offset, length)
        if self._whole is None or self._whole[0] != identity:
            self._whole = identity, range_of(path, 0, identity.size)
        content = self._whole[1][offset : offset + length]
        if len(content) != length:
            raise damaged(path, f"it ends before byte {offset + length}")
        return content

    def _take_over(self, source: Path, target: Path, entry: Source) -> None:
        size, end = target.stat().st_size, entry.offset + entry.length
        if size < end:
            append_whole(target, range_of(source, size, end - size))
        content = range_of(source, entry.offset, entry.length)
        if range_of(target, entry.offset, entry.length) != content:
            whole = bytearray(target.read_bytes())
            whole[entry.offset : end] = content
            write_whole(target, bytes(whole), is_synced=True, beside=self._incoming_folder())

    def _needed(self, stored: Stored, place: Place) -> Iterator[Source]:
        """Yield the entries that a body is made of: its own, which the ledger tells, and those that this one names."""
        yield Source(place.offset, place.length, bytes.fromhex(stored.packed_hash))
        table, _ = self._entry(self.path(place.pack), place.offset, place.length)
        if place.index < len(table.recipes):
            # The first one is what all are packed against.
            numbers = {1, *(source for source, _, _ in table.recipes[place.index].pieces)}
            yield from (source for number, source in enumerate(table.sources, start=1) if number in numbers)

    def _entry(self, path: Path, offset: int, length: int) -> _Entry:
        key = (_identity(path), offset, length)
        found = self._cache.get(key)
        if found is None:
            try:
                found = read_entry(self.bytes_of(path, offset, length), lambda first: self.data(path, first))
            except BadEntry as error:
                raise damaged(path, f"its bytes from {offset} on were changed") from error
            self._cache.put(key, found)
        return found

    def _packs_of(self, month: str) -> list[str]:
        return sorted((Path(name).stem for name in _names(self._root / month) if name.endswith(".pack")), reverse=True)

    def _make(self, path: Path) -> None:
        for folder in (self._root.parent, self._root, path.parent):
            folder.mkdir(mode=PRIVATE_DIR_MODE, parents=True, exist_ok=True)
        create_whole(path)

    def _incoming_folder(self) -> Path:
        self._incoming.mkdir(mode=PRIVATE_DIR_MODE, parents=True, exist_ok=True)
        return self._incoming


class _Cache:
    """What was unpacked last, up to CACHE_BYTES, and which entries were found sound; of a file as it is now.

    The first entry of the pack in use stays beside that: all others are packed against it.
    """

    def __init__(self) -> None:
        self._entries: OrderedDict[_EntryKey, _Entry] = OrderedDict()
        self._size = 0
        self._first: tuple[_EntryKey, _Entry] | None = None
        self._sound: set[tuple[_Identity, Source]] = set()
        self._lock = Lock()

    def get(self, key: _EntryKey) -> _Entry | None:
        with self._lock:
            if self._first and self._first[0] == key:
                return self._first[1]
            found = self._entries.get(key)
            if found:
                self._entries.move_to_end(key)
            return found

    def put(self, key: _EntryKey, entry: _Entry) -> None:
        with self._lock:
            if key[1] == 0:
                self._first = key, entry
            elif key not in self._entries and len(entry[1]) <= CACHE_BYTES:
                self._entries[key] = entry
                self._size += len(entry[1])
            while self._size > CACHE_BYTES:
                _, (_, data) = self._entries.popitem(last=False)
                self._size -= len(data)

    def is_sound(self, path: Path, source: Source) -> bool:
        return (_identity(path), source) in self._sound

    def note_sound(self, path: Path, source: Source) -> None:
        self._sound.add((_identity(path), source))


def range_of(path: Path, offset: int, length: int) -> bytes:
    """Read some bytes of a pack. Raises ArchiveDamaged where the disk refuses, or the file is shorter."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < offset + length:
                raise damaged(path, f"it ends before byte {offset + length}")
            file.seek(offset)
            return file.read(length)
    except OSError as error:
        raise_unless_damaged(error)
        raise damaged(path, str(error.strerror)) from error


def _identity(path: Path) -> _Identity:
    try:
        told = path.stat()
    except OSError as error:
        raise_unless_damaged(error)
        raise damaged(path, str(error.strerror)) from error
    return _Identity(path, told.st_ino, told.st_size, told.st_mtime_ns)


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []
