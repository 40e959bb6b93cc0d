"""Writing bodies into the newest pack: the chunks that it has not yet, and how each body is put together from chunks.

A chunk is an object of a body with what stands before the next one. Reading bodies back belongs to packs.py.
"""

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import xxhash

from pipelines.archive.pack_format import HASH_BYTES, Recipe, Table, write_entry
from pipelines.archive.pack_index import Kept, Known, begins_sound, read_known
from pipelines.archive.packs import Packs
from pipelines.atomic_write import append_whole
from pipelines.errors import ArchiveDamaged
from pipelines.recoup.endpoints import Kind, Response
from pipelines.recoup.envelope import starts_of

# After so many polls that brought something, bodies are stored whole again: no recipe reaches further back than that,
# and no damage further on. A day of polls every quarter of an hour; it costs one in so many polls' whole bodies.
POLLS_A_PACK = 96
# Small bodies share an entry, and pack better so; large ones are packed side by side.
ENTRY_BYTES = 1 << 20
SIDE_BY_SIDE = 8


class PackWriter:
    """Writes what one poll is answered; `told_end` says how far a pack goes by the newest ledger that names it."""

    def __init__(self, packs: Packs, poll_id: str, told_end: Callable[[str], int]) -> None:
        self._packs = packs
        self._poll_id = poll_id
        self._told_end = told_end
        self._known: Known | None = None

    def keep(self, answers: Sequence[Response]) -> list[Kept]:
        """Store bodies, on disk before this returns. An empty body takes no place."""
        if self._known is None and any(answer.body for answer in answers):
            self._known = self._open()
        hashes = [xxhash.xxh3_128_digest(answer.body) for answer in answers]
        fresh = {name: answer for name, answer in zip(hashes, answers, strict=True) if answer.body and self._known}
        if self._known:
            self._store(self._known, {name: one for name, one in fresh.items() if name not in self._known.bodies})
        known = self._known.bodies if self._known else {}
        return [known[name] if answer.body else Kept() for name, answer in zip(hashes, answers, strict=True)]

    def _open(self) -> Known:
        """Read what the newest pack holds; begin another one when it is full, or not whole.

        Whatever is written where a pack lost its end would be overwritten once the pack is put back from a backup.
        """
        newest = self._packs.newest()
        known = read_known(self._packs, newest) if newest else None
        if (
            known is None
            or known.end < self._told_end(known.name)
            or not begins_sound(known, self._packs)
            or len(known.poll_ids - {self._poll_id}) >= POLLS_A_PACK
        ):
            return Known(self._packs.begin(self._poll_id))
        return known

    def _store(self, known: Known, bodies: dict[bytes, Response]) -> None:
        groups = list(_groups(bodies))
        if len(groups) > 1:
            with ThreadPoolExecutor(min(SIDE_BY_SIDE, len(groups))) as threads:
                drafts = list(threads.map(lambda group: self._draft(known, group), groups))
                entries = list(threads.map(_Draft.written, drafts))
        else:
            drafts = [self._draft(known, group) for group in groups]
            entries = [draft.written() for draft in drafts]
        if entries:
            self._append(known, drafts, entries)

    def _append(self, known: Known, drafts: Sequence["_Draft"], entries: Sequence[bytes]) -> None:
        path = self._packs.path(known.name)
        with _alone(path) as offset:
            append_whole(path, b"".join(entries))
        for draft, entry in zip(drafts, entries, strict=True):
            known.add(offset, len(entry), draft.table, entry[-HASH_BYTES:])
            offset += len(entry)

    def _draft(self, known: Known, bodies: dict[bytes, Response]) -> "_Draft":
        draft = _Draft(known, self._packs, self._poll_id)
        for name, answer in bodies.items():
            pieces = _joined(draft.piece(chunk) for chunk in _chunks(answer.body, answer.request.kind))
            draft.recipes.append(Recipe(name, pieces))
        return draft


class _Draft:
    """An entry that is being made."""

    def __init__(self, known: Known, packs: Packs, poll_id: str) -> None:
        self._data: list[memoryview] = []
        self.recipes: list[Recipe] = []
        self._known = known
        self._packs = packs
        self._poll_id = poll_id
        self._path = packs.path(known.name)
        self._names: list[bytes] = []
        self._own: dict[bytes, tuple[int, int]] = {}
        self._size = 0
        # Sources by their number in the pack: the number in this entry, and the bytes to compare with.
        self._used: dict[int, tuple[int, bytes]] = {}
        if known.chunks:
            self._source(1)

    @property
    def table(self) -> Table:
        """What the entry holds so far."""
        sources = [self._known.sources[number] for number in self._used]
        sizes = [len(chunk) for chunk in self._data]
        return Table(self._poll_id, sizes, b"".join(self._names), sources, self.recipes)

    def written(self) -> bytes:
        """Return the entry."""
        first = next(iter(self._used.values()), (0, b""))
        return write_entry(self.table, b"".join(self._data), first[1])

    def piece(self, chunk: memoryview) -> tuple[int, int, int]:
        """Say where a chunk stands, byte for byte; one that stands nowhere yet is added."""
        name = xxhash.xxh3_64_digest(chunk)
        if name in self._own and self._data[self._own[name][0]] == chunk:
            return 0, self._own[name][1], len(chunk)
        if name in self._known.chunks:
            number, start, size = self._known.chunks[name]
            source, data = self._source(number)
            # Of views, == compares byte after byte, which takes longer than all else here.
            if size == len(chunk) and data.startswith(chunk, start):
                return source, start, size
        self._own.setdefault(name, (len(self._data), self._size))
        self._data.append(chunk)
        self._names.append(name)
        self._size += len(chunk)
        return 0, self._size - len(chunk), len(chunk)

    def _source(self, number: int) -> tuple[int, bytes]:
        """Open an older entry; of a damaged one no byte is believed, so that its damage goes no further."""
        if number not in self._used:
            self._used[number] = len(self._used) + 1, self._first() if number == 1 else self._other(number)
        return self._used[number]

    def _first(self) -> bytes:
        # Once a poll: each entry that it appends makes another file of the pack, of which nothing is known to be sound.
        self._known.first = self._known.first or self._sound(1)
        return self._known.first

    def _other(self, number: int) -> bytes:
        try:
            return self._sound(number)
        except ArchiveDamaged:
            return b""

    def _sound(self, number: int) -> bytes:
        source = self._known.sources[number]
        self._packs.check_entry(self._path, source)
        return self._packs.data(self._path, source)


def _groups(bodies: dict[bytes, Response]) -> Iterator[dict[bytes, Response]]:
    group, size = dict[bytes, Response](), 0
    for name, answer in bodies.items():
        if group and size + len(answer.body) > ENTRY_BYTES:
            yield group
            group, size = {}, 0
        group[name] = answer
        size += len(answer.body)
    if group:
        yield group


def _chunks(body: bytes, kind: Kind) -> list[memoryview]:
    """Cut a body where its objects begin; one of a single object, or of none, is a chunk of its own."""
    starts, whole = starts_of(body, kind), memoryview(body)
    if len(starts) < 2:
        return [whole]
    return [whole[start:end] for start, end in zip([0, *starts], [*starts, len(body)], strict=True)]


def _joined(pieces: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Join pieces that follow each other where they stand too."""
    joined = list[tuple[int, int, int]]()
    for source, start, size in pieces:
        if joined and joined[-1][0] == source and sum(joined[-1][1:]) == start:
            joined[-1] = source, joined[-1][1], joined[-1][2] + size
        else:
            joined.append((source, start, size))
    return joined


@contextmanager
def _alone(path: Path) -> Iterator[int]:
    """Tell where a pack ends, with nobody else adding to it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
