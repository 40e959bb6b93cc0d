"""Reading the whole archive once, to find every file that is not what was written. Nothing is repaired here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipelines.archive.store import Archive
from pipelines.errors import ArchiveDamaged
from pipelines.progress import Progress


@dataclass(frozen=True, slots=True)
class Damage:
    """A poll that the archive cannot give back, and the error that names the file."""

    poll_id: str
    error: ArchiveDamaged


def verify(archive: Archive, progress: Progress | None = None) -> Iterator[Damage]:
    """Read each ledger and each body that it names; yield the polls of which something is damaged."""
    sound: set[str] = set()
    poll_ids = archive.poll_ids()
    for done, poll_id in enumerate(poll_ids, start=1):
        try:
            _read(archive, poll_id, sound)
        except ArchiveDamaged as error:
            yield Damage(poll_id, error)
        if progress:
            progress("verifying the archive", done, len(poll_ids))


def missing(archive: Archive, loaded: Iterable[str]) -> Iterator[str]:
    """Tell of the polls that were loaded once, and of which the archive has no ledger any more."""
    known = {*archive.poll_ids(), *archive.aside_ids()}
    for poll_id in loaded:
        if poll_id not in known:
            yield (
                f"{archive.ledger(poll_id)} is missing; put the file back from a backup, "
                "or go on without that poll: `recoup-warehouse rebuild --accept-loss`"
            )


def _read(archive: Archive, poll_id: str, sound: set[str]) -> None:
    record = archive.poll(poll_id)
    for stored in record.responses if record else ():
        if stored.body_hash not in sound:
            archive.body(stored)
            sound.add(stored.body_hash)
