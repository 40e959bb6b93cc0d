"""Which archived answer first told a run's state as it stands: poll, file, position and hash.

Reading and verifying archived files belongs to archive/; what an answer means, to load/.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from pipelines.archive.poll_record import Stored
from pipelines.archive.store import Archive
from pipelines.database.sql_text import Row
from pipelines.errors import BadPayload
from pipelines.progress import Progress
from pipelines.recoup.envelope import split

# A poll begins before what it observes, and the server's clock is not ours.
TWO_CLOCKS = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Told:
    """An archived answer that holds a run. `position` counts bytes of the unpacked body up to the run's id.

    `chain_line` is the line of the archive's chain that seals the poll; None of a poll older than the chain.
    """

    poll_id: str
    answer: int
    file: Path
    position: int
    body_hash: str
    chain_line: int | None


def where_told(archive: Archive, runs: Sequence[Row], progress: Progress | None = None) -> dict[str, Told]:
    """Return for each run the first answer with its `updated_at`; runs that no answer told so are left out.

    Reads each body of the polls between the first creation and the last observation once. Raises ArchiveDamaged.
    """
    wanted = {row["run_id"]: row["updated_at"] for row in runs}
    found: dict[str, Told] = {}
    links = archive.chain.read().by_poll
    polls = _polls(archive, runs)
    for done, poll_id in enumerate(polls, start=1):
        if not wanted:
            break
        link = links.get(poll_id)
        for told_id, told in _in_poll(archive, poll_id, wanted, link.number if link else None):
            found.setdefault(told_id, told)
        wanted = {run_id: at for run_id, at in wanted.items() if run_id not in found}
        if progress:
            progress("searching the archive", done, len(polls))
    return found


def _polls(archive: Archive, runs: Sequence[Row]) -> list[str]:
    """The polls that may have told of the runs: begun between their creation and their last observation, roughly."""
    if not runs:
        return []
    first = archive.stem(min(row["created_at"] for row in runs) - TWO_CLOCKS)
    last = archive.stem(max(row["last_observed_at"] for row in runs) + TWO_CLOCKS)
    return [poll_id for poll_id in archive.poll_ids() if first <= poll_id <= last]


def _in_poll(
    archive: Archive, poll_id: str, wanted: dict[str, datetime], line: int | None
) -> Iterator[tuple[str, Told]]:
    record = archive.poll(poll_id)
    for stored in record.responses if record else ():
        body = archive.body(stored)
        near = [run_id for run_id in wanted if run_id.encode() in body]
        for run_id in near:
            position = _position(body, stored, run_id, wanted[run_id])
            if position is not None:
                file = archive.bodies.path(stored)
                yield run_id, Told(poll_id, stored.number, file, position, stored.body_hash, line)


def _position(body: bytes, stored: Stored, run_id: str, updated_at: datetime) -> int | None:
    """Where the run stands in the body with that `updatedAt`, or None."""
    try:
        parts = split(body, stored.kind, stored.request)
    except BadPayload:
        return None
    for part in parts:
        if run_id.encode() in part and any(_instant(run) == updated_at for run in _runs(part, run_id)):
            # What had to be repaired to be read is no part of the body as it came.
            start = body.find(part)
            return start + part.index(run_id.encode()) if start >= 0 else body.index(run_id.encode())
    return None


def _runs(part: bytes, run_id: str) -> Iterator[dict[str, Any]]:
    """Every object in a task (or run) that has the run's id."""
    try:
        waiting: list[Any] = [msgspec.json.decode(part)]
    except msgspec.DecodeError:
        return
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if node.get("id") == run_id:
                yield node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def _instant(run: dict[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(run["updatedAt"])
    except (KeyError, TypeError, ValueError):
        return None
