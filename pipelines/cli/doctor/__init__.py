"""`recoup-warehouse doctor`: runs the examinations and prints their findings, one line each.

What is examined is in the modules beside this one.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict

import click

from pipelines.cli.doctor.archive_files import examine_archive
from pipelines.cli.doctor.files import (
    examine_dagster,
    examine_disk,
    examine_lock,
    examine_privacy,
    examine_snapshots,
)
from pipelines.cli.doctor.finding import LEVELS, Finding, Level
from pipelines.cli.doctor.history import examine_history
from pipelines.cli.doctor.incidents import examine_incidents
from pipelines.cli.doctor.lake import examine_lake
from pipelines.cli.doctor.machine import examine_copy, examine_machine
from pipelines.cli.doctor.settings_and_api import (
    examine_account_names,
    examine_api,
    examine_budgets,
    examine_settings,
    set_variables,
)
from pipelines.clock import Clock, utc_now
from pipelines.console.log import is_quiet
from pipelines.console.result_format import printable
from pipelines.errors import BadSettings, RecoupError
from pipelines.home import find_home
from pipelines.ingest.simulated_marker import read_world
from pipelines.machine_faults import in_words
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
    layout = settings.layout
    yield from _guarded("warehouse", lambda: iter([_warehouse(settings)]))
    yield from _guarded("budgets", lambda: iter([examine_budgets(settings)]))
    yield from _guarded("budgets", lambda: iter([examine_account_names(settings)]))
    yield from _guarded("api", lambda: examine_api(settings, clock))
    yield from _guarded("disk", lambda: examine_disk(layout))
    yield from _guarded("machine", lambda: examine_machine(layout))
    yield from _guarded("privacy", lambda: examine_privacy(settings))
    yield from _guarded("lock", lambda: examine_lock(layout))
    yield from _guarded("archive", lambda: examine_archive(layout, is_deep=is_deep))
    yield from _guarded("polls", lambda: examine_history(settings, clock))
    yield from _guarded("published", lambda: examine_snapshots(layout, clock))
    yield from _guarded("published", lambda: examine_copy(layout, is_deep=is_deep))
    yield from _guarded("incidents", lambda: examine_incidents(settings))
    yield from _guarded("lake", lambda: examine_lake(settings))
    yield from _guarded("dagster", lambda: examine_dagster(layout))


def _guarded(topic: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Make a finding of whatever stops one examination, so that the others still happen."""
    try:
        yield from look()
    except Exception as error:
        known = error if isinstance(error, RecoupError) else in_words(error)
        yield Finding("fail", topic, str(known or f"this could not be examined ({type(error).__name__}: {error})"))


def examine(clock: Clock = utc_now, *, is_deep: bool = False, as_json: bool = False) -> Level:
    """Print every finding as it comes (as JSON: all at the end); return the worst level."""
    found: list[Finding] = []
    for finding in findings(clock, is_deep=is_deep):
        found.append(finding)
        if not as_json and not (is_quiet() and finding.level == "ok"):
            _show(finding)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found], indent=2))
    return max((finding.level for finding in found), key=LEVELS.index)


def _show(finding: Finding) -> None:
    mark = click.style(f"{finding.level:<4}", fg=COLOURS[finding.level])
    advice = f"; {finding.advice}" if finding.advice else ""
    click.echo(f"{mark}  {finding.topic:<9}  {printable(finding.text + advice)}")


def _warehouse(settings: Settings) -> Finding:
    root = settings.layout.root
    origin = set_variables(find_home().env_file).get("RECOUP_WAREHOUSE_DIR", "by default")
    where = f"{root} (RECOUP_WAREHOUSE_DIR {origin})"
    if not settings.layout.is_there:
        return Finding("ok", "warehouse", f"none yet; the first command that writes makes it in {where}")
    holds = "simulated data of the demo" if read_world(settings.layout) else "data of your own"
    return Finding("ok", "warehouse", f"{where}, for {holds}")
