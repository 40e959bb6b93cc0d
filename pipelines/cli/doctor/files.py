"""The doctor's look at files: disk, private folders, the lock, the privacy key, snapshots, Dagster's home.

Nothing is created, repaired or opened as a database here.
"""

import fcntl
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import duckdb

from pipelines.cli.doctor.finding import Finding, Level
from pipelines.clock import Clock
from pipelines.console.number_format import count, duration, shown_path, size
from pipelines.database.connection import open_published
from pipelines.errors import NothingPublished
from pipelines.load.hash_key import Privacy, is_new
from pipelines.orchestrate.dagster_home import dagster_home, differences
from pipelines.paths import PRIVATE_DIR_MODE, Layout
from pipelines.publish import snapshots
from pipelines.settings import Settings

SPARE_BYTES = 1_000_000_000
OLDEST_PUBLISHED_HOURS = 26


def examine_disk(layout: Layout) -> Iterator[Finding]:
    """Compare the free space with what the next publish needs: a whole copy."""
    existing = next(folder for folder in (layout.root, *layout.root.parents) if folder.exists())
    free, needed = shutil.disk_usage(existing).free, _size(layout.work_file)
    text = f"{size(free)} free at {shown_path(existing)}; a snapshot takes {size(needed)}"
    if free < needed * 2:
        yield Finding("fail", "disk", text, "free some space, or lower RECOUP_SNAPSHOTS_KEPT")
    elif free < needed * 2 + SPARE_BYTES:
        yield Finding("warn", "disk", text, "free some space soon, or lower RECOUP_SNAPSHOTS_KEPT")
    else:
        yield Finding("ok", "disk", text)


def examine_privacy(settings: Settings) -> Iterator[Finding]:
    """Check the modes of private folders, and say which key hashes what is private. Raises BadSettings for a wrong one."""
    layout = settings.layout
    folders = [
        folder for folder in (layout.archive, layout.work, layout.incidents, layout.dagster_home) if folder.exists()
    ]
    for folder in folders:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if mode & ~PRIVATE_DIR_MODE:
            advice = f"chmod 700 {shown_path(folder)}"
            yield Finding("fail", "privacy", f"{shown_path(folder)} is open to others (mode {mode:o})", advice)
    if settings.privacy_key is not None:
        yield Finding(
            "ok", "privacy", "hashes use RECOUP_PRIVACY_KEY; keep it, the same text hashes alike only with it"
        )
    elif layout.privacy_key_file.exists():
        text = f"hashes use this warehouse's own random key, {shown_path(layout.privacy_key_file)}; back it up"
        yield Finding("ok", "privacy", text)
    if not is_new(layout):
        privacy = Privacy.of(settings)
        with suppress(NothingPublished, duckdb.Error), open_published(layout) as con:
            privacy.refuse_other_key(con)
    kept = ", ".join(sorted(settings.privacy_keep))
    yield Finding("ok", "privacy", f"kept in clear: {kept}" if kept else "nothing private is kept in clear")


def examine_lock(layout: Layout) -> Iterator[Finding]:
    """Tell whether somebody writes now."""
    if not layout.lock_file.exists():
        yield Finding("ok", "lock", "free; nobody has written yet")
        return
    with layout.lock_file.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = file.read(32).decode(errors="replace") or "unknown"
            advice = "wait for it; another command waits by itself, RECOUP_LOCK_WAIT_SECONDS long"
            yield Finding("warn", "lock", f"process {holder} is writing now", advice)
        else:
            yield Finding("ok", "lock", "free")


def examine_snapshots(layout: Layout, clock: Clock) -> Iterator[Finding]:
    """Tell what people open, and how old it is."""
    published = snapshots.current_snapshot(layout)
    if published is None:
        if layout.current.is_symlink() or layout.current.exists():
            advice = f"remove {shown_path(layout.current)} and run `recoup-warehouse publish`"
            yield Finding("fail", "published", f"{shown_path(layout.current)} leads nowhere", advice)
        else:
            yield Finding(
                "warn", "published", "nothing yet", "run `recoup-warehouse nightly` (or `recoup-warehouse demo`)"
            )
        return
    age = clock() - published.published_at
    kept = len(snapshots.snapshot_numbers(layout))
    text = f"snapshot {published.number}, {duration(age)} old, {size(published.bytes)}; {count(kept, 'snapshot')} kept"
    is_old = age.total_seconds() > OLDEST_PUBLISHED_HOURS * 3600
    # Who looks at simulated data now and then misses nothing; who reads old numbers as today's does.
    bad: Level = "warn" if layout.simulated_file.exists() else "fail"
    advice = "run `recoup-warehouse nightly`, and see that it is scheduled (RECOUP_SCHEDULES=on)" if is_old else ""
    yield Finding(bad if is_old else "ok", "published", text, advice)


def examine_dagster(layout: Layout) -> Iterator[Finding]:
    """Tell whether schedules have a home, how big it is, and what its dagster.yaml lacks."""
    home = dagster_home(layout)
    configuration = home / "dagster.yaml"
    if not configuration.exists():
        yield Finding("ok", "dagster", "not started yet; `recoup-warehouse dev` opens the UI")
        return
    files = [path for path in home.rglob("*") if path.is_file()]
    yield Finding("ok", "dagster", f"state in {shown_path(home)}, {size(sum(map(_size, files)))}")
    advice = f"correct {shown_path(configuration)}, or delete it and start `recoup-warehouse dev` again"
    try:
        differing = "; ".join(differences(configuration.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        yield Finding("fail", "dagster", f"{shown_path(configuration)} cannot be read ({error})", advice)
        return
    if differing:
        yield Finding("warn", "dagster", f"dagster.yaml: {differing}", advice)


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
