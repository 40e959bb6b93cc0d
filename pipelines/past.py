"""The warehouse as it stood at a past instant, made from the archive: also of nights whose snapshots are long gone.

It depends on the archive, today's settings and this version of the program, and on nothing else. The polls that were
loaded for one instant are kept, so that a later one begins there. How a poll is loaded belongs to load/, how the marts
are built to transform/, what is published to publish/.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from pipelines.archive.poll_record import PollRecord
from pipelines.archive.store import Archive
from pipelines.clock import fixed
from pipelines.database.begun import remove_begun
from pipelines.database.connection import Connection, Warehouse
from pipelines.database.core_schema import apply_core
from pipelines.errors import BadSettings, WarehouseBusy
from pipelines.incidents.watch import fill_from_ledger
from pipelines.load.hash_key import Privacy
from pipelines.load.resume import loaded_before
from pipelines.load.session import Loader
from pipelines.nightly import refuse_failed
from pipelines.paths import Layout
from pipelines.progress import Progress
from pipelines.publish.publisher import publish
from pipelines.publish.snapshots import Snapshot
from pipelines.report import write_report
from pipelines.report.publish_hook import ReportAttachment
from pipelines.restatements import fill
from pipelines.settings import Settings
from pipelines.transform.built import build_all
from pipelines.transform.checks import run_checks
from pipelines.transform.load_models import load_models

# A report of the past that knew of no incident would say that nothing was wrong; one that knew today's, too much.
KNOWN_THEN = (
    "delete from core.check_results where checked_at >= $at",
    "delete from core.incidents where opened_at > $at",
    "update core.incidents set closed_at = null, state = 'open' where closed_at > $at",
    "update core.incidents set last_seen_at = $at where last_seen_at > $at",
    "delete from core.publishes where published_at > $at",
    "delete from core.restatements where published_at > $at",
)


def publish_past(settings: Settings, at: datetime, into: Path, progress: Progress | None = None) -> Snapshot:
    """Publish, into a new folder, what a night at that instant would have published; the warehouse stays as it is.

    `into/current/recoup.duckdb` holds the same rows as the snapshot of then, and `into` is there whole or not at all.
    Budgets, names of accounts and the privacy policy are today's; incidents and results of checks come from their ledger,
    with the newest words and numbers of an incident that went on; all days are built, which core.built_days tells.
    Raises BadSettings when there is no such past or `into` is taken, and ArchiveDamaged.
    """
    settings.refuse_gatherer("ask there, or for a version of the lake")
    polls = _polls_until(settings, at)
    if into.exists():
        raise BadSettings(f"{into} is there already; name a folder that is not")
    unfinished = Layout(into.with_name(f".{into.name}.unfinished"))
    shutil.rmtree(unfinished.root, ignore_errors=True)
    # What has an archive is not announced as a new warehouse, which this is not.
    unfinished.archive.mkdir(parents=True)
    try:
        snapshot = _publish(settings, unfinished, at, polls, progress)
        for private in (unfinished.archive, unfinished.work, unfinished.incidents, unfinished.dagster_home):
            shutil.rmtree(private)
        unfinished.root.replace(into)
    finally:
        shutil.rmtree(unfinished.root, ignore_errors=True)
    return snapshot


def _publish(
    settings: Settings, past: Layout, at: datetime, polls: Sequence[PollRecord], progress: Progress | None
) -> Snapshot:
    models = load_models()
    warehouse = Warehouse(past, memory_limit=settings.memory_limit, policy=Warehouse.of(settings).policy)

    def audit(con: Connection) -> None:
        refuse_failed(run_checks(con, models))

    with warehouse.locked():
        with _begun(settings) as begun:
            try:
                _load(settings, warehouse, begun or past.work_file, polls, progress)
            except Exception:
                # On a full disk it would be what polls lack room for.
                remove_begun(begun or past.work_file)
                raise
            if begun:
                shutil.copyfile(begun, past.work_file)
        with warehouse.open(past.work_file) as con:
            build_all(con, settings, models, at, progress)
            fill_from_ledger(con, settings.layout)
            fill(con, settings.layout)
            for statement in KNOWN_THEN:
                con.execute(statement, {"at": at})
    report = ReportAttachment(write_report)
    snapshot = publish(warehouse, kept=1, clock=fixed(at), prepare=lambda _: None, audit=audit, extras=report)
    report.raise_failure()
    return snapshot


@contextmanager
def _begun(settings: Settings) -> Iterator[Path | None]:
    """Yield the file that keeps what is loaded; None while another uses it, or where nothing can be written."""
    with ExitStack() as held:
        try:
            held.enter_context(Warehouse(settings.layout, lock_wait_seconds=0).looking_back())
        except (WarehouseBusy, OSError):
            yield None
        else:
            yield settings.layout.past_file


def _load(
    settings: Settings, warehouse: Warehouse, file: Path, polls: Sequence[PollRecord], progress: Progress | None
) -> None:
    loaded = loaded_before(warehouse, settings, file, [record.poll_id for record in polls])
    with warehouse.open(file) as con:
        apply_core(con)
        loader = Loader(con, Archive(settings.layout.archive), Privacy.of(settings), warehouse.layout.scratch)
        for done, record in enumerate(polls, start=1):
            if record.poll_id not in loaded:
                loader.load(record)
            if progress:
                progress("reading the archive", done, len(polls))


def _polls_until(settings: Settings, at: datetime) -> list[PollRecord]:
    """Return the polls that had ended by then, or never will. Raises BadSettings when there is none, ArchiveDamaged."""
    archive = Archive(settings.layout.archive)
    known = archive.poll_ids()
    begun = [poll_id for poll_id in known if poll_id <= f"{Archive.stem(at)}-~"]
    records = [record for record in map(archive.poll, begun) if record]
    # Polls follow one another, so only the newest can still be under way.
    if records and records[-1].end is None and records[-1].poll_id == known[-1] and Warehouse.of(settings).is_polled():
        records.pop()
    ended = [record for record in records if record.end is None or record.end.finished_at <= at]
    if not ended:
        first = f"the first poll began at {known[0]}" if known else "nothing was polled yet"
        raise BadSettings(f"nothing was known on {at:%Y-%m-%d at %H:%M:%S} UTC: {first}")
    return ended
