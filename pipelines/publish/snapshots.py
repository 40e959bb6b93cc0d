"""How published snapshots lie on disk: numbered folders, the `current` symlink, staging, retention.

Files and names only, under the caller's lock: what may be published, and when, is decided in publisher.py.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from pipelines.archive.chain import Head
from pipelines.atomic_write import sync
from pipelines.errors import PublishRefused
from pipelines.paths import Layout

MANIFEST = "snapshot.json"
STAGING_PREFIX = ".staging-"
DOOMED_PREFIX = ".doomed-"
NEW_LINK = ".current-new"

# A reader may have resolved `current` before the flip and open the file after it; measured with three kept
# snapshots this never failed. The grace period is for tools that remember a resolved path for longer.
GRACE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One published copy; `row_counts` is keyed by `schema.table`, `archive_head` is that of the archive's chain then."""

    number: int
    path: Path
    published_at: datetime
    bytes: int
    row_counts: dict[str, int]
    archive_head: Head | None = None


def current_snapshot(layout: Layout) -> Snapshot | None:
    """Describe what people open now, or None before the first publish. Never opens the database."""
    number = current_number(layout)
    return None if number is None else read_manifest(layout.snapshots / str(number), layout.published_file.name)


def write_manifest(folder: Path, snapshot: Snapshot) -> None:
    """Put the description of a snapshot beside its file."""
    told = {"path": snapshot.path.name, "published_at": snapshot.published_at.isoformat()}
    facts = asdict(snapshot) | told | {"archive_head": str(snapshot.archive_head) if snapshot.archive_head else None}
    (folder / MANIFEST).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def read_manifest(folder: Path, file_name: str) -> Snapshot | None:
    """Read the description of a snapshot; None when it is missing or damaged."""
    try:
        facts = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return Snapshot(
            number=int(facts["number"]),
            path=folder / file_name,
            published_at=datetime.fromisoformat(facts["published_at"]),
            bytes=int(facts["bytes"]),
            row_counts={str(table): int(count) for table, count in facts["row_counts"].items()},
            archive_head=Head.of(facts["archive_head"]) if facts.get("archive_head") else None,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def noted_heads(layout: Layout) -> dict[str, Head]:
    """Return how far the archive's chain went when each copy that is still there was published, by `snapshot N`."""
    numbers = snapshot_numbers(layout) if layout.snapshots.is_dir() else []
    found = {n: read_manifest(layout.snapshots / str(n), layout.published_file.name) for n in numbers}
    return {f"snapshot {n}": one.archive_head for n, one in found.items() if one and one.archive_head}


def snapshot_numbers(layout: Layout) -> list[int]:
    """List the numbers of the snapshots on disk, oldest first."""
    return sorted(int(entry.name) for entry in layout.snapshots.iterdir() if entry.name.isdecimal())


def current_number(layout: Layout) -> int | None:
    """Tell which snapshot `current` points to; None when there is none, or when it dangles."""
    if not layout.current.is_symlink() or not layout.current.exists():
        return None
    name = layout.current.readlink().name
    return int(name) if name.isdecimal() else None


def clean_leftovers(layout: Layout) -> None:
    """Remove what a killed publish or clean-up left: hidden folders and a half-made link.

    Raises PublishRefused when `current` is no symlink, since somebody else's file is then in its place.
    """
    if layout.current.exists() and not layout.current.is_symlink():
        raise PublishRefused(f"{layout.current} is not the symlink that publish flips; move it away and publish again")
    (layout.root / NEW_LINK).unlink(missing_ok=True)
    for entry in layout.snapshots.iterdir():
        if entry.name.startswith((STAGING_PREFIX, DOOMED_PREFIX)):
            shutil.rmtree(entry)


@contextmanager
def staging(layout: Layout) -> Iterator[tuple[int, Path]]:
    """Give the next number and an empty folder to prepare its snapshot in; removed if that fails."""
    number = max(snapshot_numbers(layout), default=0) + 1
    folder = layout.snapshots / f"{STAGING_PREFIX}{number}"
    folder.mkdir()
    try:
        yield number, folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def settle(staging: Path) -> None:
    """Make a prepared snapshot durable and read-only: files 0444, folders 0755, all synced."""
    for entry in sorted(staging.rglob("*"), reverse=True):
        entry.chmod(0o755 if entry.is_dir() else 0o444)
        sync(entry)
    staging.chmod(0o755)
    sync(staging)


def enroll(layout: Layout, staging: Path, number: int) -> Path:
    """Give a prepared snapshot its number. It is complete, but nobody opens it before `flip`."""
    folder = staging.rename(layout.snapshots / str(number))
    sync(layout.snapshots)
    return folder


def flip(layout: Layout, number: int) -> None:
    """Point `current` at a snapshot by one rename, so that every reader sees the old or the new one."""
    link = layout.root / NEW_LINK
    link.symlink_to(Path(layout.snapshots.name) / str(number))
    link.replace(layout.current)
    sync(layout.root)


def prune(layout: Layout, kept: int, now: datetime) -> list[int]:
    """Delete old snapshots, never the live one; return their numbers. At most twice `kept` remain.

    The newest `kept` stay. Of the older ones, those replaced within the grace stay too, but a burst of
    publishes must not fill the disk: the bound of twice `kept` wins over the grace.
    """
    numbers = snapshot_numbers(layout)
    graced = numbers[-2 * kept : -kept]
    successor = dict(pairwise(numbers))
    doomed = [
        number
        for number in numbers[:-kept]
        if number != current_number(layout)
        and (number not in graced or _published_at(layout, successor[number]) <= now - GRACE)
    ]
    for number in doomed:
        _remove(layout, number)
    return doomed


def _published_at(layout: Layout, number: int) -> datetime:
    snapshot = read_manifest(layout.snapshots / str(number), layout.published_file.name)
    return snapshot.published_at if snapshot else datetime.min.replace(tzinfo=UTC)


def _remove(layout: Layout, number: int) -> None:
    # Renamed first: a kill in the middle must not leave half a snapshot under its number.
    doomed = (layout.snapshots / str(number)).rename(layout.snapshots / f"{DOOMED_PREFIX}{number}")
    shutil.rmtree(doomed)
