"""What builds and nights call: note what is wrong, tell it, and let the watchdog know that the night was.

Nothing here fails a build or a night: what cannot be noted or told is said in one line, and stays due.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
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
    count_failed_nights,
    keep_checks,
    keep_sizes,
    open_ledger,
    open_subjects,
    record,
    transaction,
)
from pipelines.incidents.limits import read_limits
from pipelines.incidents.observe import (
    BUILD_KINDS,
    LAKE_KINDS,
    NIGHT_KINDS,
    POLL_KINDS,
    STATE_KINDS,
    Observation,
    observe,
    observe_lake,
    observe_night,
    observe_state,
)
from pipelines.incidents.outbox import Delivered, deliver
from pipelines.incidents.sinks import sinks_of
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
    """How far a night got: what its checks found, and the snapshot that it published."""

    checks: list[CheckResult] = field(default_factory=list)
    snapshot_number: int | None = None


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
        limits, sinks = read_limits(settings.incident_limits_path), list(sinks_of(settings))
        told = _words(error) if error is not None else None
        kinds = (*NIGHT_KINDS, *STATE_KINDS)
        with transaction(ledger):
            keep_checks(ledger, night.checks, clock(), night.snapshot_number)
            nights = count_failed_nights(ledger, has_failed=error is not None, now=clock())
            seen = [*observe_night(nights, told, night.checks), *observe_state(settings.layout, clock())]
            record(ledger, seen, kinds=kinds, limits=limits, sinks=sinks, now=clock())


def note_lake(settings: Settings, clock: Clock, error: Exception | None) -> None:
    """Note whether the lake could be brought up to date; send what is due."""
    with without_failing("the lake was not noted"), open_ledger(settings.layout) as ledger:
        limits, sinks = read_limits(settings.incident_limits_path), list(sinks_of(settings))
        seen = observe_lake(_words(error) if error is not None else None, has_lake=settings.has_lake)
        with transaction(ledger):
            record(ledger, [seen], kinds=LAKE_KINDS, limits=limits, sinks=sinks, now=clock())
    _tell_all(settings, clock)


def _note_digest(settings: Settings, clock: Clock) -> None:
    with without_failing("the digest was not noted"), open_ledger(settings.layout) as ledger:
        with closing(open_published(settings.layout)) as con:
            text = digest(con, "text")
        day = clock().astimezone(ZoneInfo(settings.reporting_timezone)).date()
        with transaction(ledger):
            announce_digest(ledger, day, text, list(sinks_of(settings)), clock())


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
    limits, sinks = read_limits(settings.incident_limits_path), list(sinks_of(settings))
    with open_ledger(settings.layout) as ledger:
        seen = observe(con, kinds, open_subjects(ledger))
        with transaction(ledger):
            record(ledger, [*seen, *more], kinds=[*kinds, *more_kinds], limits=limits, sinks=sinks, now=clock())


def tell(settings: Settings, clock: Clock) -> Delivered:
    """Send what is due; what a sink does not take is said in one line and stays due."""
    done = Delivered()
    with without_failing("messages were not sent"):
        done = deliver(settings.layout, sinks_of(settings), clock)
        for fault in done.faults:
            warn("not_told", f"a message was not taken yet, {fault}; it is tried again")
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
    return f"{type(known).__name__}: {known}" if known else type(error).__name__
