"""The night's work in order: poll, build, check, publish. The command line and the Dagster assets call the same steps.

The steps themselves live in ingest/poll.py, transform/build.py, transform/checks.py and publish/publisher.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.clock import Clock
from pipelines.database.connection import Warehouse
from pipelines.database.core_schema import apply_core
from pipelines.errors import ChecksFailed
from pipelines.ingest.poll import load_pending, poll
from pipelines.load.poll_rows import PollSummary
from pipelines.load.session import Loader
from pipelines.progress import Progress
from pipelines.publish.publisher import publish
from pipelines.publish.snapshots import Snapshot
from pipelines.recoup.client import RecoupClient
from pipelines.report import write_report
from pipelines.report.publish_hook import ReportAttachment
from pipelines.settings import Settings
from pipelines.transform.budgets import apply_budgets
from pipelines.transform.build import BuildReport, build
from pipelines.transform.checks import CheckResult, run_checks
from pipelines.transform.load_models import load_models


@dataclass(frozen=True, slots=True)
class NightReport:
    """What one night did."""

    poll: PollSummary
    build: BuildReport
    checks: Sequence[CheckResult]
    snapshot: Snapshot


def nightly(
    settings: Settings, *, clock: Clock, client: RecoupClient | None = None, progress: Progress | None = None
) -> NightReport:
    """Poll, build, check and publish. Raises the error of the step that failed; the published copy stays then."""
    polled = poll(settings, clock=clock, client=client, progress=progress)
    report, checks = build_and_check(settings, clock=clock, progress=progress)
    if progress:
        progress("publishing", 0, 1)
    snapshot = _publish(settings, clock, checks)
    return NightReport(polled, report, checks, snapshot)


def build_and_check(
    settings: Settings, *, clock: Clock, progress: Progress | None = None
) -> tuple[BuildReport, list[CheckResult]]:
    """Load what a killed poll left in the archive, build the marts, and check core and marts."""
    models = load_models()
    with Warehouse.of(settings).write() as con:
        apply_core(con)
        load_pending(Loader.of(con, settings))
        apply_budgets(con, settings)
        report = build(
            con,
            models=models,
            as_of=clock(),
            reporting_timezone=settings.reporting_timezone,
            progress=progress,
        )
        return report, run_checks(con, models)


def check_and_publish(settings: Settings, *, clock: Clock) -> Snapshot:
    """Check what is built and publish it. Raises ChecksFailed, with the published copy left as it is."""
    models = load_models()
    with Warehouse.of(settings).write() as con:
        apply_core(con)
        checks = run_checks(con, models)
    return _publish(settings, clock, checks)


def _publish(settings: Settings, clock: Clock, checks: Sequence[CheckResult]) -> Snapshot:
    refuse_failed(checks)
    report = ReportAttachment(write_report)
    snapshot = publish(
        settings.layout,
        kept=settings.snapshots_kept,
        clock=clock,
        lock_wait_seconds=settings.lock_wait_seconds,
        extras=report,
    )
    report.raise_failure()
    return snapshot


def refuse_failed(checks: Sequence[CheckResult]) -> None:
    """Raise ChecksFailed when a blocking check failed, naming the checks and what a failing row means."""
    failed = [check for check in checks if not check.passed and check.severity == "error"]
    if failed:
        told = "; ".join(
            f"{'.'.join(check.asset)} {check.name} ({check.failing_count} rows: {check.description})"
            for check in failed
        )
        raise ChecksFailed(f"nothing was published, since {len(failed)} checks failed: {told}. See docs/runbook.md")
