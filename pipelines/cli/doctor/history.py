"""The doctor's look at what the polls left: the last one and its age, failed and suspect ones, gaps, rejects.

Read from the work file while nobody writes, else from the published copy, which may be older.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

import duckdb

from pipelines.archive.store import Archive
from pipelines.cli.doctor.finding import Finding
from pipelines.clock import Clock
from pipelines.console.number_format import count, duration
from pipelines.database.connection import Connection, Warehouse, open_published
from pipelines.database.sql_text import Row, first_row, statement
from pipelines.errors import NothingPublished, WarehouseBusy
from pipelines.ingest.clock_check import stamped_ahead
from pipelines.ingest.poll_words import SUSPECT_WORDS
from pipelines.settings import Settings

LATE = timedelta(hours=26)
LOST = timedelta(days=7)
RECENT = timedelta(days=7)


def examine_history(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """Tell when the source was last seen, and what was lost or refused since."""
    yield from _stamps(Archive(settings.layout.archive), clock())
    with _history(settings) as con:
        if con is None:
            yield Finding("warn", "polls", "none yet", "run `recoup-warehouse nightly` (or `recoup-warehouse demo`)")
            return
        try:
            since = clock() - RECENT
            polls = first_row(con.execute(statement("doctor", "last_polls"), {"since": since}))
            missing = con.execute(statement("doctor", "missing_runs"), {"since": since}).fetchone() or (0,)
            rejects = con.execute(statement("doctor", "rejects")).fetchone() or (0,)
        except duckdb.CatalogException as error:
            advice = "run `recoup-warehouse rebuild`"
            yield Finding("fail", "polls", f"the work file is of another version ({_first_line(error)})", advice)
            return
    yield _last_poll(polls, clock())
    yield from _troubles(polls)
    yield _missing(int(missing[0]))
    if rejects[0]:
        text = f"the last poll brought {count(int(rejects[0]), 'reject')}"
        yield Finding("warn", "rejects", text, "see `select reason, path from core.quarantine`; the rest was loaded")


def _stamps(archive: Archive, now: datetime) -> Iterator[Finding]:
    ahead, aside = stamped_ahead(archive, now), archive.aside_ids()
    if ahead:
        text = f"{count(len(ahead), 'poll')} stamped later than now: {ahead[0]}"
        advice = (
            "if the clock is right now, `recoup-warehouse poll` sets them aside, so that not every poll is a rebuild"
        )
        yield Finding("warn", "clock", text, advice)
    if aside:
        text = f"{count(len(aside), 'poll')} set aside, stamped by a clock that was ahead: {aside[0]}"
        yield Finding("ok", "clock", text)


@contextmanager
def _history(settings: Settings) -> Iterator[Connection | None]:
    layout = settings.layout
    if layout.work_file.exists():
        with suppress(WarehouseBusy):
            with Warehouse(layout, lock_wait_seconds=0).write() as con:
                yield con
            return
    try:
        con = open_published(layout)
    except NothingPublished:
        yield None
        return
    try:
        yield con
    finally:
        con.close()


def _last_poll(polls: Row, now: datetime) -> Finding:
    last: datetime | None = polls["last_loaded_at"]
    if last is None:
        return Finding("fail" if polls["last_at"] else "warn", "polls", "none succeeded yet", _why(polls))
    age = now - last
    text = f"the last one that brought tasks was {duration(age)} ago"
    if age > LOST:
        return Finding("fail", "polls", text, "the API shows seven days, so runs are lost: `recoup-warehouse poll` now")
    if age > LATE:
        return Finding(
            "warn", "polls", text, "`recoup-warehouse poll`, and see that it is scheduled (RECOUP_SCHEDULES=on)"
        )
    return Finding("ok", "polls", text)


def _troubles(polls: Row) -> Iterator[Finding]:
    recent = count(polls["recent_count"], "poll")
    if polls["failed_count"]:
        level = polls["last_status"] in ("failed", "running")
        text = f"{polls['failed_count']:,} of {recent} in seven days failed"
        yield Finding("fail" if level else "warn", "polls", text, _why(polls) if level else "the last one went well")
    if polls["suspect_count"]:
        text = f"{polls['suspect_count']:,} of {recent} in seven days looked like an outage of the source"
        yield Finding("warn", "polls", text, _doubts(polls))
    if polls["partial_count"]:
        text = f"{polls['partial_count']:,} of {recent} in seven days missed some accounts"
        is_last = polls["last_status"] == "partial"
        yield Finding("warn", "polls", text, _why(polls) if is_last else "the last one met all of them")
    if polls["unrecovered_count"]:
        text = f"{polls['unrecovered_count']:,} of {recent} in seven days could not recover runs or details"
        yield Finding("warn", "polls", text, "see recovery_note in core.polls")


def _doubts(polls: Row) -> str:
    """Say what to do about answers that were not believed; an outage passes by itself, the rest does not."""
    lasting = [reason for reason in polls["last_reasons"] or () if reason in ("account_empty", "row_cap_reached")]
    if not lasting:
        return "nothing was marked deleted or empty by them; no need to act"
    accounts = ", ".join(polls["last_suspect_account_ids"])
    return f"the last one: {'; '.join(SUSPECT_WORDS[reason] for reason in lasting)} ({accounts})"


def _why(polls: Row) -> str:
    return f"the last one said: {polls['last_trouble']}" if polls["last_trouble"] else "run `recoup-warehouse poll`"


def _missing(number: int) -> Finding:
    if not number:
        return Finding("ok", "gaps", "no run of the last seven days is known to be missing")
    text = f"{count(number, 'run')} of the last seven days came and went unseen"
    return Finding(
        "warn", "gaps", text, "poll more often: with RECOUP_SCHEDULES=on a sensor that knows how often does it"
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
