"""Commands that change the warehouse: poll, build, publish, nightly, rebuild. Each calls the code that the assets call.

No work is done here; commands that only look are in inspect.py.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli.chosen import settings_of_a_new_warehouse, settings_of_a_warehouse
from pipelines.cli.commands.lake import tell_lake
from pipelines.cli.commands.options import AT, INSTANT
from pipelines.clock import Clock, utc_now
from pipelines.console.log import say, warn
from pipelines.console.number_format import count, shown_path

if TYPE_CHECKING:
    from pipelines.load.poll_rows import PollSummary
    from pipelines.publish.snapshots import Snapshot
    from pipelines.transform.checks import CheckResult

TOLD_OF_A_POLL = (
    "poll_id", "status", "source", "task_count", "run_count", "new_task_count", "new_run_count", "missing_run_count",
    "quarantined_count", "request_count", "unanswered_account_count",
)  # fmt: skip


@click.command()
@click.option(
    "--load",
    "load_files",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    metavar="FILE...",
    help="Take saved response bodies instead of the network; more files may follow the first.",
)
@click.argument("more_files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="")
@click.option(
    "--accept-deletions",
    is_flag=True,
    help="Mark tasks as deleted even when suspiciously many vanished at once (more than 10 and 10 %).",
)
@AT
def poll(load_files: Sequence[Path], more_files: Sequence[Path], accept_deletions: bool, clock: Clock) -> None:
    """Ask the API once and keep what it shows.

    \b
    Examples:
      recoup-warehouse poll
      recoup-warehouse poll --load monday.json tuesday.json --at 2026-08-20T09:00:00Z

    Cheap; run it often. Readers see the new runs after `nightly`, or `build` and `publish`.
    """
    from pipelines import nightly as steps_of_the_night
    from pipelines.console.progress import working
    from pipelines.ingest import poll as polling

    if more_files and not load_files:
        raise click.UsageError("files are read only after --load")
    settings = settings_of_a_new_warehouse()
    with working("asking the API") as steps:
        options: dict[str, Any] = {"clock": clock, "accept_deletions": accept_deletions, "progress": steps.count}
        if load_files:
            summary = polling.poll(settings, load_files=(*load_files, *more_files), **options)
        else:
            summary = steps_of_the_night.poll_and_note(settings, **options)
    tell_poll(summary)
    summary.raise_partial()


@click.command()
@click.option("--full", is_flag=True, help="Build all days, and compare them with those that stand there.")
@AT
def build(clock: Clock, full: bool) -> None:
    """Build the marts from what is kept, and check them.

    \b
    Examples:
      recoup-warehouse build
      recoup-warehouse build --full
      recoup-warehouse build --at 2026-08-20T09:00:00Z

    Tables of days are built again only where something changed since the last build, and once a week for all days.
    """
    from pipelines import nightly as steps_of_the_night
    from pipelines.console.progress import working

    with working("building") as steps:
        report, results = steps_of_the_night.build_and_check(
            settings_of_a_warehouse(), clock=clock, full=full, progress=steps.count
        )
    rows = sum(report.row_counts.values())
    say("build", f"built {len(report.seconds)} marts with {rows:,} rows", row_count=rows)
    tell_checks(results)


@click.command()
def publish() -> None:
    """Copy what is built, check the copy, and let readers open it.

    \b
    Example:
      recoup-warehouse publish

    Builds first when a poll or a rebuild came after the last build. A failed check leaves the copy that people
    open as it is.
    """
    from pipelines import nightly as steps_of_the_night
    from pipelines.console.progress import working
    from pipelines.report import write_report
    from pipelines.report.publish_hook import ReportAttachment
    from pipelines.transform.load_models import load_models

    settings, report = settings_of_a_warehouse(), ReportAttachment(write_report)
    with working("publishing"):
        snapshot = steps_of_the_night.check_and_publish(settings, clock=utc_now, models=load_models(), report=report)
        lake = steps_of_the_night.update_lake(settings, utc_now)
    report.raise_failure()
    tell_snapshot(snapshot)
    tell_lake(lake)


@click.command()
@AT
def nightly(clock: Clock) -> None:
    """Poll, build, check and publish: the first command to run with a key.

    \b
    Examples:
      recoup-warehouse nightly
      RECOUP_ACCOUNT_IDS=<id>,<id> recoup-warehouse nightly
    """
    from pipelines import nightly as steps_of_the_night
    from pipelines.console.progress import working

    settings = settings_of_a_new_warehouse()
    with working("asking the API") as steps:
        report = steps_of_the_night.nightly(settings, clock=clock, progress=steps.count)
    tell_poll(report.poll)
    tell_checks(report.checks)
    tell_snapshot(report.snapshot)
    tell_lake(report.lake)
    report.poll.raise_partial()


@click.command()
@click.option(
    "--accept-loss",
    is_flag=True,
    help="Go on without polls whose files in the archive are damaged or missing, and say which.",
)
@click.option(
    "--new-privacy-key",
    "accept_new_key",
    is_flag=True,
    help="Hash by another key than before: the one that is set now, or a new one when it is lost.",
)
@click.option(
    "--as-of",
    "past",
    type=INSTANT,
    metavar="INSTANT",
    help="Instead, publish what a night at this ISO instant would have published, into --into.",
)
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="The new folder for --as-of; RECOUP_WAREHOUSE_DIR then names it to `query`, `report` and BI tools.",
)
def rebuild(accept_loss: bool, accept_new_key: bool, past: Clock | None, into: Path | None) -> None:
    """Make the core tables again from the archive alone.

    \b
    Examples:
      RECOUP_PRIVACY_KEEP=prompt recoup-warehouse rebuild && recoup-warehouse nightly
      recoup-warehouse rebuild --as-of 2026-08-20T02:00:00Z --into then

    Needed after an upgrade that changes core tables, or a changed privacy setting. Asks no network. Every file of the
    archive is verified first, and nothing is changed if a poll would be lost, or if private texts would be hashed by
    another key. Readers keep the published copy until the next `nightly` or `publish`.

    With --as-of the warehouse stays as it is, and the copy knows only the polls that had ended then, and the incidents
    that had begun. Budgets, names of accounts and the privacy policy are today's.
    """
    if past or into:
        _rebuild_past(past, into, is_plain=not (accept_loss or accept_new_key))
        return
    from pipelines.console.progress import working
    from pipelines.load import rebuild as rebuilding

    settings = settings_of_a_warehouse()
    settings.refuse_gatherer("rebuild there")
    with working("reading the archive") as steps:
        rebuilt = rebuilding.rebuild(
            settings, accept_loss=accept_loss, accept_new_key=accept_new_key, progress=steps.count
        )
    for lost in rebuilt.lost:
        warn("lost", f"  lost: {lost}")
    kept = rebuilt.poll_count - len(rebuilt.lost)
    say("rebuild", f"rebuilt from {count(kept, 'poll')}; next: recoup-warehouse publish", poll_count=kept)


def _rebuild_past(past: Clock | None, into: Path | None, *, is_plain: bool) -> None:
    from pipelines.console.progress import working
    from pipelines.past import publish_past

    if past is None or into is None or not is_plain:
        raise click.UsageError("--as-of and --into belong together, and go with no other option")
    with working("reading the archive") as steps:
        snapshot = publish_past(settings_of_a_warehouse(), past(), into, steps.count)
    rows = sum(snapshot.row_counts.values())
    made = into / "current" / snapshot.path.name
    say("rebuild", f"as of {past():%Y-%m-%d %H:%M:%S} UTC: {shown_path(made)} ({rows:,} rows)", row_count=rows)


def tell_poll(summary: "PollSummary") -> None:
    """Say in a line or two what a poll brought, and what is odd about it."""
    from pipelines.console.result_format import printable
    from pipelines.ingest.poll_words import headline, warnings

    facts = {name: getattr(summary, name) for name in TOLD_OF_A_POLL}
    say("poll", printable(headline(summary)), **facts)
    for warning in warnings(summary):
        warn("poll", f"  {printable(warning)}", poll_id=summary.poll_id)


def tell_checks(results: Sequence["CheckResult"]) -> None:
    """Say how many checks passed, and name those that only warn."""
    failed = [result for result in results if not result.passed]
    passed = len(results) - len(failed)
    say("checks", f"checks: {passed:,} of {len(results):,} passed", passed_count=passed, check_count=len(results))
    for result in failed:
        schema, table = result.asset
        told = f"  {result.severity}: {schema}.{table} {result.name}: {result.description}"
        warn("check", told, relation=f"{schema}.{table}", check=result.name, failing_count=result.failing_count)


def tell_snapshot(snapshot: "Snapshot") -> None:
    """Say what readers open now."""
    current = snapshot.path.parents[2] / "current" / snapshot.path.name
    rows = sum(snapshot.row_counts.values())
    told = f"published snapshot {snapshot.number}: {shown_path(current)} ({rows:,} rows)"
    say("publish", told, snapshot=snapshot.number, row_count=rows, bytes=snapshot.bytes)


COMMANDS = (poll, build, publish, nightly, rebuild)
