"""Reading the whole archive once, to find every file that is not what was written. Nothing is repaired here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pipelines.archive.poll_record import damaged
from pipelines.archive.store import Archive
from pipelines.errors import ArchiveDamaged
from pipelines.progress import Progress

# The polls that were loaded from the archive once, and whether they had come to their end then.
Loaded = Mapping[str, bool]
NONE: Loaded = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Damage:
    """A poll that the archive cannot give back, and the error that names the file."""

    poll_id: str
    error: ArchiveDamaged


def verify(archive: Archive, loaded: Loaded = NONE, progress: Progress | None = None) -> Iterator[Damage]:
    """Read each ledger and each body that it names; yield the polls of which something is damaged or gone.

    A ledger that was cut off looks like one of a killed poll, and a lost one like nothing: only `loaded` tells.
    """
    sound: set[str] = set()
    poll_ids = archive.poll_ids()
    for poll_id in sorted(loaded.keys() - {*poll_ids, *archive.aside_ids()}):
        yield Damage(poll_id, damaged(archive.ledger(poll_id), "it is missing"))
    for done, poll_id in enumerate(poll_ids, start=1):
        try:
            _read(archive, poll_id, sound, had_ended=loaded.get(poll_id, False))
        except ArchiveDamaged as error:
            yield Damage(poll_id, error)
        if progress:
            progress("verifying the archive", done, len(poll_ids))


def _read(archive: Archive, poll_id: str, sound: set[str], *, had_ended: bool) -> None:
    record = archive.poll(poll_id)
    if had_ended and (record is None or record.end is None):
        raise damaged(archive.ledger(poll_id), "its end is missing")
    for stored in record.responses if record else ():
        if stored.body_hash not in sound:
            archive.body(stored)
            sound.add(stored.body_hash)
