"""`recoup-warehouse doctor`: runs the examinations and prints their findings, one line each.

What is examined is in the modules beside this one.
"""

from collections.abc import Iterator

import click

from pipelines.cli.doctor.archive_files import examine_archive
from pipelines.cli.doctor.files import (
    examine_dagster,
    examine_disk,
    examine_lock,
    examine_privacy,
    examine_snapshots,
)
from pipelines.cli.doctor.finding import Finding
from pipelines.cli.doctor.history import examine_history
from pipelines.cli.doctor.settings_and_api import examine_account_names, examine_api, examine_budgets, examine_settings
from pipelines.clock import Clock, utc_now
from pipelines.console.number_format import shown_path
from pipelines.errors import BadSettings
from pipelines.ingest.simulated_marker import read_world
from pipelines.settings import Settings

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def findings(clock: Clock, *, is_deep: bool = False) -> Iterator[Finding]:
    """Examine everything that can be, in the order in which things build on each other."""
    try:
        settings = Settings.load()
    except BadSettings as error:
        yield Finding("fail", "settings", str(error))
        yield from examine_settings()
        return
    yield from examine_settings()
    yield _warehouse(settings)
    yield examine_budgets(settings)
    yield examine_account_names(settings)
    yield from examine_api(settings, clock)
    yield from examine_disk(settings.layout)
    yield from examine_privacy(settings)
    yield from examine_lock(settings.layout)
    yield from examine_archive(settings.layout, is_deep=is_deep)
    yield from examine_history(settings, clock)
    yield from examine_snapshots(settings.layout, clock)
    yield from examine_dagster(settings.layout)


def examine(clock: Clock = utc_now, *, is_deep: bool = False) -> bool:
    """Print every finding as it comes; tell whether nothing failed."""
    failed = False
    for finding in findings(clock, is_deep=is_deep):
        failed |= finding.level == "fail"
        mark = click.style(f"{finding.level:<4}", fg=COLOURS[finding.level])
        advice = f"; {finding.advice}" if finding.advice else ""
        click.echo(f"{mark}  {finding.topic:<9}  {finding.text}{advice}")
    return not failed


def _warehouse(settings: Settings) -> Finding:
    root = settings.layout.root
    if not root.exists():
        return Finding("ok", "warehouse", f"{shown_path(root)} will be made by the first command that writes")
    holds = "simulated data of the demo" if read_world(settings.layout) else "data of your own"
    return Finding("ok", "warehouse", f"{shown_path(root)}, for {holds}")
