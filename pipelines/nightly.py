"""The night's work in order: poll, build, check, publish. The command line and the Dagster assets call the same steps.

The steps themselves live in ingest/poll.py, transform/build.py, transform/checks.py and publish/publisher.py.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from pipelines.clock import Clock
from pipelines.console.number_format import count
from pipelines.database.connection import Connection, Warehouse
from pipelines.database.core_schema import apply_core
from pipelines.errors import BadSettings, ChecksFailed, RecoupError, WarehouseBusy
from pipelines.incidents.watch import Night, beat, note_build, note_lake, note_night, note_poll
from pipelines.ingest.poll import load_pending, poll
from pipelines.lake.update import LakeUpdate, publish_into_lake
from pipelines.load.poll_rows import PollSummary
from pipelines.load.session import Loader
from pipelines.progress import Progress
from pipelines.publish.continuity import refuse_lost_polls
from pipelines.publish.publisher import Judge, publish
from pipelines.publish.snapshots import Snapshot
from pipelines.recoup.client import RecoupClient
from pipelines.report import write_report
from pipelines.report.publish_hook import ReportAttachment
from pipelines.restatements import compare, confirm
from pipelines.settings import Settings
from pipelines.transform.build import BuildReport
from pipelines.transform.built import build_all, build_missing
from pipelines.transform.checks import CheckResult, read_views, run_checks
from pipelines.transform.days_to_check import days_to_check
from pipelines.transform.load_models import load_models
from pipelines.transform.model import Model


@dataclass(frozen=True, slots=True)
class NightReport:
    """What one night did."""

    poll: PollSummary
    build: BuildReport
    checks: Sequence[CheckResult]
    snapshot: Snapshot
    lake: LakeUpdate


def nightly(
    settings: Settings, *, clock: Clock, client: RecoupClient | None = None, progress: Progress | None = None
) -> NightReport:
    """Poll, build, check and publish. Raises the error of the step that failed; the published copy stays then.

    An error of the lake is in the report; the caller raises it.
    """
    beat(settings, "/start")
    with noted(settings, clock) as night:
        return _night(settings, clock, client, progress, night)


def _night(
    settings: Settings,
    clock: Clock,
    client: RecoupClient | None,
    progress: Progress | None,
    night: Night,
) -> NightReport:
    polled = poll_and_note(settings, clock=clock, client=client, progress=progress)
    models, built = load_models(), list[BuildReport]()

    def prepare(con: Connection) -> None:
        built.append(build_all(con, settings, models, clock(), progress))
        note_build(con, settings, clock)
        if progress:
            progress("checking and publishing", 0, 1)

    report = ReportAttachment(write_report)
    snapshot = _publish(settings, models, clock, prepare, report, night)
    lake = update_lake(settings, clock)
    report.raise_failure()
    return NightReport(polled, built[0], night.checks, snapshot, lake)


def build_and_check(
    settings: Settings, *, clock: Clock, full: bool = False, progress: Progress | None = None
) -> tuple[BuildReport, list[CheckResult]]:
    """Load what a killed poll left in the archive, build the marts, and check core and marts."""
    models = load_models()
    warehouse = Warehouse.of(settings)
    with warehouse.write() as con:
        apply_core(con)
        load_pending(Loader.of(con, settings), lambda _: warehouse.is_polled())
        report = build_all(con, settings, models, clock(), progress, full=full)
        note_build(con, settings, clock)
        return report, run_checks(con, models)


def check_and_publish(
    settings: Settings, *, clock: Clock, models: Sequence[Model], report: ReportAttachment | None = None
) -> Snapshot:
    """Publish the work file, and build it first when a load came after the last build.

    Raises ChecksFailed, with the published copy left as it is. An error of the report is the caller's to raise.
    """
    with noted(settings, clock) as night:
        prepare = partial(build_missing_and_note, settings, models, clock)
        snapshot = _publish(settings, models, clock, prepare, report, night)
        night.failure = report.failure if report else None
        return snapshot


def update_lake(settings: Settings, clock: Clock, *, takes_over: bool = False) -> LakeUpdate:
    """Bring the lake, if one is named, up to what is published, and note how that went.

    What is published stays good whatever becomes of the lake, so an error is the caller's to raise, at the end.
    """
    update = LakeUpdate()
    if settings.has_lake:
        try:
            update.report = publish_into_lake(settings, clock, takes_over=takes_over)
        except RecoupError as error:
            update.error = error
    note_lake(settings, clock, update.error)
    return update


def build_missing_and_note(settings: Settings, models: Sequence[Model], clock: Clock, con: Connection) -> None:
    """Build when a load or a rebuild came after the last build, and note what the marts then say is wrong.

    Without the note, a rebuild and a publish would show readers that nothing is wrong.
    """
    if build_missing(con, settings, models, clock()):
        note_build(con, settings, clock)


def poll_and_note(
    settings: Settings,
    *,
    clock: Clock,
    client: RecoupClient | None = None,
    accept_deletions: bool = False,
    progress: Progress | None = None,
) -> PollSummary:
    """Poll the source once, or gather what shards polled, and note how polls go. Raises the error that ended it."""
    try:
        if settings.shards:
            from pipelines.lake.gather import gather  # which no other warehouse needs

            if accept_deletions:
                settings.refuse_gatherer("say so there")
            summary = gather(settings, clock=clock, progress=progress)
        else:
            summary = poll(settings, clock=clock, client=client, accept_deletions=accept_deletions, progress=progress)
    except (BadSettings, WarehouseBusy):
        raise  # nothing was asked, so there is nothing to note
    except RecoupError:
        note_poll(settings, clock)
        raise
    note_poll(settings, clock)
    return summary


@contextmanager
def noted(settings: Settings, clock: Clock) -> Iterator[Night]:
    """Note how a night (or its last step) ends, with what the block puts into it."""
    night = Night()
    try:
        yield night
    except Exception as error:
        note_night(settings, clock, night, error)
        raise
    note_night(settings, clock, night, night.failure)


def _publish(
    settings: Settings,
    models: Sequence[Model],
    clock: Clock,
    prepare: Judge,
    report: ReportAttachment | None,
    night: Night,
) -> Snapshot:
    """Publish what `prepare` leaves in the work file, after all checks passed on the copy itself; noted in `night`.

    With it goes what the copy tells otherwise than the one before.
    """

    def prepare_all(con: Connection) -> None:
        prepare(con)
        compare(con, settings.layout, models, clock)

    def audit(con: Connection) -> None:
        refuse_lost_polls(con, settings.layout)
        days = days_to_check(con, settings.layout)
        read_views(con, models, days)
        night.checks.extend(run_checks(con, models, days=days))
        refuse_failed(night.checks)

    snapshot = publish(
        Warehouse.of(settings),
        kept=settings.snapshots_kept,
        clock=clock,
        prepare=prepare_all,
        audit=audit,
        extras=report,
    )
    night.snapshot_number = snapshot.number
    confirm(settings.layout)
    return snapshot


def refuse_failed(checks: Sequence[CheckResult]) -> None:
    """Raise ChecksFailed when a blocking check failed, naming the checks and what a failing row means."""
    failed = [check for check in checks if not check.passed and check.severity == "error"]
    if failed:
        told = "; ".join(
            f"{'.'.join(check.asset)} {check.name} ({count(check.failing_count, 'row')}: {check.description})"
            for check in failed
        )
        raise ChecksFailed(
            f"nothing was published, since {count(len(failed), 'check')} failed: {told}. See docs/runbook.md"
        )
