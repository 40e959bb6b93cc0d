"""The short account of the published file that ends `make run`: what is kept, what fails, what it costs.

Only reads marts; how a number is made is written in sql/marts.
"""

import shutil
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click

from pipelines.console import number_format
from pipelines.console.cause_words import CAUSE_WORDS
from pipelines.console.result_format import aligned
from pipelines.database.connection import Connection, open_published
from pipelines.database.sql_text import Row, first_row, statement
from pipelines.settings import Settings

WORST = 5
PROGRAM = "recoup-warehouse"

INFO = "select * from marts.warehouse_info"


def print_summary(settings: Settings) -> None:
    """Print the summary of the published copy. Raises NothingPublished when there is none."""
    con = open_published(settings.layout)
    try:
        lines = list(summary_lines(con))
    finally:
        con.close()
    for line in lines:
        click.echo(line)
    click.echo(
        f"\nOpen  {number_format.shown_path(settings.layout.published_file)}  (DuckDB, read-only; schemas marts and core)"
    )
    page = settings.layout.current / "report.html"
    if page.exists():
        click.echo(f"Look  {number_format.shown_path(page)}  (the report, in a browser)")
    click.echo(f'Next  {program()} query "from marts.task_health limit 5"')


def program() -> str:
    """Name the program as it can be typed here, inside an activated environment or not."""
    return PROGRAM if shutil.which(PROGRAM) else number_format.shown_path(Path(sys.executable).parent / PROGRAM)


def summary_lines(con: Connection) -> Iterator[str]:
    """Yield the summary, line by line."""
    info = first_row(con.execute(INFO))
    yield click.style(_title(info), bold=True)
    yield ""
    for name, text in _facts(con, info):
        yield f"  {click.style(f'{name:<11}', fg='cyan')}{text}"
    yield ""
    yield from _fails_most(con)


def _title(info: Row) -> str:
    source = {"simulator": "simulated data", "file": "saved bodies"}.get(info["source"], "Recoup API")
    return f"{PROGRAM}: {source}, as of {number_format.moment(info['built_at'])}"


def _facts(con: Connection, info: Row) -> Iterator[tuple[str, str]]:
    yield "polls", _polls(info)
    deleted = f", {info['deleted_task_count']:,} of them deleted since" if info["deleted_task_count"] else ""
    yield "tasks", f"{info['task_count']:,}{deleted}"
    yield "runs", _runs(info)
    yield "attempts", _attempts(info, _ask(con, "counted_attempts"))
    yield "spend", _spend(_ask(con, "spend"))
    yield "", "(Trigger.dev compute and invocation only, not the language model's bill)"
    yield "complete", _complete(info)
    for cause, number in con.execute(statement("summary", "missing_causes")).fetchall():
        yield "", f"{number:>7,} {CAUSE_WORDS.get(cause, cause)}"
    if listed := info["runs_not_attributed_count"]:
        yield "", f"{number_format.count(listed, 'run')} listed, not attributed: more than one task can have made them"
    if unknown := info["unknown_task_count"]:
        yield (
            "",
            f"{number_format.count(unknown, 'task')} not observed throughout: whether runs are missing is not known",
        )


def _polls(info: Row) -> str:
    until: datetime | None = info["polls_until"]
    return f"{info['poll_count']:,}" + (
        f", the last one {number_format.moment(until)}" if until else ", none succeeded"
    )


def _runs(info: Row) -> str:
    if not info["run_count"]:
        return "0"
    period = f"{info['first_run_at']:%Y-%m-%d} to {info['last_run_at']:%Y-%m-%d}"
    return (
        f"{info['run_count']:,} ({period}); {info['rescued_run_count']:,} of them rescued: the API no longer shows them"
    )


def _attempts(info: Row, counted: Row) -> str:
    if not info["attempt_count"] and not counted["run_count"]:
        return "not observed: no answer contained any"
    recorded = f"{info['attempt_count']:,} with a record of their own" if info["attempt_count"] else ""
    told = f"{counted['counted'] or 0:,} counted by the API in {number_format.count(counted['run_count'], 'run')}"
    return "; ".join(filter(None, [recorded, told]))


def _spend(spend: Row) -> str:
    unpriced = spend["unpriced_run_count"]
    if not spend["total_cents"] and (unpriced or spend["total_cents"] is None):
        return "not observed"
    wasted = f"{number_format.money(spend['wasted_cents'])} ({number_format.share(spend['wasted_ratio'])})"
    known = number_format.known_money(spend["total_cents"], unpriced)
    said = [f"{known}, of it {wasted} wasted on failed runs"]
    said += [f"of {number_format.count(unpriced, 'run')} no cost was told"] if unpriced else []
    said += [] if spend["is_final"] else ["some runs have not ended yet"]
    return "; ".join(said)


def _complete(info: Row) -> str:
    missing = info["runs_missing_count"]
    if info["coverage_ratio"] is None:
        return "unknown: no run was seen"
    text = f"{number_format.share(info['coverage_ratio'])} of the runs that must have existed were seen"
    return f"{text}; {missing:,} came and went unseen:" if missing else text


def _fails_most(con: Connection) -> Iterator[str]:
    rows = con.execute(statement("summary", "fails_most"), {"limit": WORST}).fetchall()
    if not rows:
        yield "No task failed in the last 30 days, as far as its runs were seen."
        return
    yield click.style("Fails most, last 30 days (ranked by the lower bound of the 95 % interval)", bold=True)
    names = ["task", "failed", "of", "rate", "95 % interval", "runs missing"]
    table = [
        (title, failed, n, *number_format.estimate(ratio, low, high), missing)
        for title, failed, n, ratio, low, high, missing in rows
    ]
    for line in aligned(names, table, to_right=("rate", "95 % interval", "runs missing")):
        yield f"  {line}"


def _ask(con: Connection, name: str) -> Row:
    return first_row(con.execute(statement("summary", name)))
