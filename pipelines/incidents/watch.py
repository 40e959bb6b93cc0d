"""What builds and nights call: note what is wrong, tell it, and let the watchdog know that the night was.

Nothing here fails a build or a night: what cannot be noted or told is said in one line, and stays due.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import httpx

from pipelines.clock import Clock
from pipelines.console.log import warn
from pipelines.database.connection import Connection, Warehouse, insert_rows, open_published
from pipelines.errors import BadSettings, RecoupError
from pipelines.incidents.figures import folder_sizes, write_figures
from pipelines.incidents.ledger import (
    announce_digest,
    keep_checks,
    open_ledger,
    open_subjects,
    record,
    transaction,
)
from pipelines.incidents.limits import read_limits
from pipelines.incidents.night_facts import count_failed_nights, keep_sizes
from pipelines.incidents.observe import (
    BUILD_KINDS,
    LAKE_KINDS,
    NIGHT_KINDS,
    POLL_KINDS,
    STATE_KINDS,
    Observation,
    observe,
    observe_archive,
    observe_lake,
    observe_night,
    observe_state,
)
from pipelines.incidents.outbox import Delivered, deliver
from pipelines.incidents.sinks import usable_sinks
from pipelines.machine_faults import in_words
from pipelines.paths import Layout
from pipelines.report.digest import digest
from pipelines.settings import Settings
from pipelines.transform.checks import CheckResult

HEARTBEAT_SECONDS = 10


def note_poll(settings: Settings, clock: Clock) -> None:
    """Note whether polls bring something, and the state of copy and disk; send what is due."""
    with without_failing("incidents were not noted"), Warehouse.of(settings).write() as con:
        _note(con, settings, clock, POLL_KINDS, [*observe_state(settings.layout, clock())], STATE_KINDS)
    _tell_all(settings, clock)


def note_build(con: Connection, settings: Settings, clock: Clock) -> None:
    """Note what the marts just built say is wrong or over, and fill core.incidents and core.check_results."""
    with without_failing("incidents were not noted"):
        _note(con, settings, clock, BUILD_KINDS)
    fill_from_ledger(con, settings.layout)


def fill_from_ledger(con: Connection, layout: Layout) -> None:
    """Fill core.incidents and core.check_results, which the archive does not hold."""
    with without_failing("core.incidents was not filled"), open_ledger(layout) as ledger:
        for table in ("incidents", "check_results"):
            con.execute(f"delete from core.{table}")  # noqa: S608 - own names
            kept = [dict(row) for row in ledger.execute(f"select * from {table}")]  # noqa: S608 - own names
            insert_rows(con, f"core.{table}", kept)


@dataclass(slots=True)
class Night:
    """How far a night got: what its checks found, the snapshot that it published, and what failed without ending it."""

    checks: list[CheckResult] = field(default_factory=list)
    snapshot_number: int | None = None
    failure: RecoupError | None = None


def note_night(settings: Settings, clock: Clock, night: Night, error: Exception | None = None) -> None:
    """Note how a night went; send what is due, and call the watchdog."""
    is_refused = isinstance(error, BadSettings) and not settings.layout.is_there
    if not is_refused:  # a night that ends before its first step makes no warehouse
        _note_night(settings, clock, night, error)
        if error is None and settings.digest == "daily":
            _note_digest(settings, clock)
        with without_failing("the sizes were not noted"), open_ledger(settings.layout) as ledger:
            if settings.metrics_path is not None:
                keep_sizes(ledger, folder_sizes(settings.layout))
        _tell_all(settings, clock)
    beat(settings, "/fail" if error is not None else "")


def _note_night(settings: Settings, clock: Clock, night: Night, error: Exception | None) -> None:
    with without_failing("the night was not noted"), open_ledger(settings.layout) as ledger:
        told = _words(error) if error is not None else None
        with transaction(ledger):
            keep_checks(ledger, night.checks, clock(), night.snapshot_number)
            nights = count_failed_nights(ledger, has_failed=error is not None, now=clock())
            seen = [*observe_night(nights, told, night.checks), *observe_state(settings.layout, clock())]
            seen.append(observe_archive(settings.layout))
            _record(ledger, settings, seen, (*NIGHT_KINDS, *STATE_KINDS), clock)


def note_lake(settings: Settings, clock: Clock, error: Exception | None) -> None:
    """Note whether the lake could be brought up to date; send what is due."""
    with without_failing("the lake was not noted"), open_ledger(settings.layout) as ledger:
        seen = observe_lake(_words(error) if error is not None else None, has_lake=settings.has_lake)
        with transaction(ledger):
            _record(ledger, settings, [seen], LAKE_KINDS, clock)
    _tell_all(settings, clock)


def _note_digest(settings: Settings, clock: Clock) -> None:
    with without_failing("the digest was not noted"), open_ledger(settings.layout) as ledger:
        with closing(open_published(settings.layout)) as con:
            text = digest(con, "text")
        day = clock().astimezone(ZoneInfo(settings.reporting_timezone)).date()
        with transaction(ledger):
            announce_digest(ledger, day, text, list(usable_sinks(settings)[0]), clock())


def _tell_all(settings: Settings, clock: Clock) -> None:
    tell(settings, clock)
    with without_failing("the figures for the monitor were not written"):
        write_figures(settings, clock)


def _note(
    con: Connection,
    settings: Settings,
    clock: Clock,
    kinds: Sequence[str],
    more: Sequence[Observation] = (),
    more_kinds: Sequence[str] = (),
) -> None:
    with open_ledger(settings.layout) as ledger:
        seen = observe(con, kinds, open_subjects(ledger))
        with transaction(ledger):
            _record(ledger, settings, [*seen, *more], [*kinds, *more_kinds], clock)


def _record(
    ledger: sqlite3.Connection, settings: Settings, seen: Sequence[Observation], kinds: Sequence[str], clock: Clock
) -> None:
    """Open and close incidents in the caller's transaction; under limits that cannot be read nobody can tell."""
    with suppress(BadSettings):  # said by `tell`, which follows
        limits, (sinks, _) = read_limits(settings.incident_limits_path), usable_sinks(settings)
        record(ledger, seen, kinds=kinds, limits=limits, sinks=list(sinks), now=clock())


def tell(settings: Settings, clock: Clock) -> Delivered:
    """Send what is due; what a sink does not take is said in one line and stays due."""
    done = Delivered()
    with without_failing("messages were not sent"):
        sinks, misspelt = usable_sinks(settings)
        for wrong in misspelt:
            warn("not_told", f"nothing is told there: {wrong}")
        done = deliver(settings.layout, sinks, clock)
        for fault in done.faults:
            warn("not_told", f"a message was not taken yet, {fault}; it is tried again")
    with without_failing("incidents were not noted"):
        read_limits(settings.incident_limits_path)
    return done


def beat(settings: Settings, what: str) -> None:
    """Call the heartbeat's address: `/start`, `/fail`, or nothing for success, as Healthchecks has it."""
    if settings.heartbeat_url is None:
        return
    with without_failing("the heartbeat was not called"):
        answer = httpx.get(settings.heartbeat_url.get_secret_value().rstrip("/") + what, timeout=HEARTBEAT_SECONDS)
        if not answer.is_success:
            warn("heartbeat", f"the heartbeat's address answered {answer.status_code}")


@contextmanager
def without_failing(what: str) -> Iterator[None]:
    """Do the block, or say in one line that it was not done."""
    try:
        yield
    except RecoupError as error:
        warn("not_noted", f"{what}: {error}")
    except Exception as error:
        # The words of a library may hold an address with a key in it.
        warn("not_noted", f"{what} ({type(error).__name__}); `recoup-warehouse doctor` says more")


def _words(error: Exception) -> str:
    """Our own errors say what, where and what next; the words of others may hold what must not leave."""
    known = error if isinstance(error, RecoupError) else in_words(error)
    if type(known) is RecoupError:
        return str(known)
    return f"{type(known).__name__}: {known}" if known else type(error).__name__
