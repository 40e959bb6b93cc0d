"""One poll: fetch (or take saved bodies), archive, load. Also brings in polls that a kill left unloaded.

What bodies mean belongs to load/; the network to recoup/client.py.
"""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from pathlib import Path

from pipelines.archive.poll_record import PollEnd
from pipelines.archive.store import Archive, PollWriter
from pipelines.clock import Clock
from pipelines.database.connection import Connection, Warehouse
from pipelines.database.core_schema import apply_core
from pipelines.database.sql_text import first_row
from pipelines.errors import BadPayload, RecoupError, Refused, Unreachable, WarehouseBusy
from pipelines.ingest.clock_check import ClockAhead, refuse_ahead, set_aside_ahead
from pipelines.ingest.recovery import Recovery
from pipelines.ingest.simulated_marker import refuse_mixing, source_of
from pipelines.load.hash_key import prepare_key
from pipelines.load.poll_rows import PollSummary
from pipelines.load.rebuild import rebuild_locked
from pipelines.load.session import IsAlive, Loader, LoadSession, nobody
from pipelines.progress import Progress
from pipelines.recoup.client import RecoupClient
from pipelines.recoup.endpoints import Request, Response
from pipelines.recoup.envelope import kind_of
from pipelines.schedule.poll_interval import measure, write_state
from pipelines.settings import Settings

# Read and archived at the same time; few, since each may be as large as RECOUP_MAX_BODY_MEGABYTES allows.
FILES_AT_ONCE = 4
NOT_LOADED = "the answers were archived, and loaded later: the warehouse could not be written at that time"


def poll(
    settings: Settings,
    *,
    clock: Clock,
    client: RecoupClient | None = None,
    load_files: Sequence[Path] = (),
    accept_deletions: bool = False,
    progress: Progress | None = None,
) -> PollSummary:
    """Poll once and load the result into the work file. The network is never waited for under the writer's lock.

    Raises the error that ended the poll, after it was written into core.polls as failed; BadSettings, with nothing
    done, rather than mix real with simulated data, or when the clock is ahead of the server's. An account that did not
    answer only makes the poll partial. Answers that cannot be loaded now, as with WarehouseBusy, are loaded later.
    """
    settings.refuse_gatherer("poll there")
    if not load_files:
        refuse_mixing(settings)
    warehouse = Warehouse.of(settings)
    with warehouse.polling():
        archive = Archive(settings.layout.archive)
        archive.bodies.clean()
        prepare_key(warehouse, settings)
        writer = archive.start_poll(
            clock(),
            source="file" if load_files else source_of(settings),
            is_full_scope=not settings.is_filtered,
            account_ids=list(settings.account_ids),
            accept_deletions=accept_deletions,
        )
        load = _Load(settings, warehouse, writer, clock)
        try:
            if load_files:
                _archive_files(load_files, writer, clock)
                return load({}, None)
            with nullcontext(client) if client else RecoupClient(settings, clock=clock) as own:
                failed = _ask(own, task_requests(settings), writer, progress)
                recovery = Recovery(own, settings, clock) if settings.run_details == "auto" else None
                return load(failed, recovery)
        except ClockAhead:
            # Its own stamp is wrong, so that not even a failed poll can be told of it.
            writer.discard()
            raise
        except RecoupError as error:
            if writer.record.end is None:
                writer.finish(PollEnd(clock(), False, type(error).__name__, str(error)))
                load.tell_failed()
            raise


class _Load:
    """Loads what a poll archived, under the writer's lock; lets it go to ask for more."""

    def __init__(self, settings: Settings, warehouse: Warehouse, writer: PollWriter, clock: Clock) -> None:
        self._settings = settings
        self._warehouse = warehouse
        self._writer = writer
        self._clock = clock
        self._staged: tuple[object, LoadSession] | None = None

    def __call__(self, failed: Mapping[int, RecoupError], recovery: Recovery | None) -> PollSummary:
        """Load, with what recovery brings; `failed` are requests of tasks that got no answer."""
        if not self._writer.record.responses:
            _raise_first(failed)
        try:
            with self._warehouse.instance_of_poll() as con:
                while (summary := self._load(con, failed, recovery)) is None:
                    pass
        except (BadPayload, Refused, Unreachable):
            raise
        except BaseException:
            # All tasks are archived: whoever comes next can load them.
            if self._writer.record.end is None:
                self._writer.finish(PollEnd(self._clock(), True, recovery_note=NOT_LOADED))
            raise
        return summary

    def tell_failed(self) -> None:
        """Write a poll that ended without an answer into core.polls; if somebody writes there, the next poll does it."""
        with suppress(WarehouseBusy), self._warehouse.write() as con:
            apply_core(con)
            load_pending(Loader.of(con, self._settings), nobody)
            write_state(self._settings.layout, measure(con, self._clock()))

    def _load(
        self, con: Connection, failed: Mapping[int, RecoupError], recovery: Recovery | None
    ) -> PollSummary | None:
        """Load the poll, or fetch what recovery wants next and return None. What was staged stays in memory then."""
        writer, work_file = self._writer, self._settings.layout.work_file
        with self._warehouse.locked():
            with self._warehouse.attached(con, work_file):
                apply_core(con)
                loader = Loader.of(con, self._settings)
                in_order = load_pending(loader, lambda poll_id: poll_id == writer.poll_id)
                session = self._session(loader)
                session.stage_new(writer.record)
                if not session.found.answers:
                    _raise_first({**failed, **session.found.unreadable})
                if writer.record.start.source == "file":
                    _raise_first(session.found.unreadable)
                wanted = recovery.wanted(session) if recovery else []
                if not wanted:
                    summary = self._commit(con, loader.archive, session, recovery, in_order)
            if not wanted and summary is None:
                rebuild_locked(self._warehouse, self._settings)
                summary = _summary_of(self._warehouse, self._settings, writer.poll_id)
        if wanted and recovery:
            recovery.fetch(wanted, writer)
            return None
        return summary

    def _session(self, loader: Loader) -> LoadSession:
        """Go on with what is staged already, unless others loaded polls or made the work file anew meanwhile."""
        loaded = loader.con.execute("select count(*), max(poll_id) from core.polls").fetchone()
        basis = (self._settings.layout.work_file.stat().st_ino, loaded)
        if self._staged is None or self._staged[0] != basis:
            self._staged = basis, loader.session(self._writer.record.start)
        return self._staged[1]

    def _commit(
        self, con: Connection, archive: Archive, session: LoadSession, recovery: Recovery | None, in_order: bool
    ) -> PollSummary | None:
        """Commit the poll; None when it is older than what is loaded: only a rebuild gives what order would have given."""
        record = self._writer.finish(PollEnd(self._clock(), True, recovery_note=recovery.note if recovery else None))
        is_latest = in_order and _is_latest(con, record.poll_id)
        if set_aside_ahead(archive, record.responses, self._clock()) or not is_latest:
            return None
        summary = session.commit(record)
        write_state(self._settings.layout, measure(con, self._clock()))
        return summary


def _archive_files(files: Sequence[Path], writer: PollWriter, clock: Clock) -> None:
    with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
        for start in range(0, len(files), FILES_AT_ONCE):
            group = files[start : start + FILES_AT_ONCE]
            bodies = pool.map(_body_of, group)
            writer.add_all([_saved(*pair, clock) for pair in zip(group, bodies, strict=True)])


def _body_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadPayload(f"{path.name}: cannot be read ({error.strerror}); name a saved response body") from error


def _saved(path: Path, body: bytes, clock: Clock) -> Response:
    return Response(Request(kind_of(body), f"file:{path.name}"), 200, body, clock(), clock(), 1)


def _ask(
    client: RecoupClient, requests: Sequence[Request], writer: PollWriter, progress: Progress | None
) -> dict[int, RecoupError]:
    """Archive the answers as they come; return what became of the requests that got none, by their number."""
    failed: dict[int, RecoupError] = {}
    for done, answer in enumerate(client.get_many(requests), start=1):
        if isinstance(answer, Response):
            refuse_ahead(answer)
            writer.add(answer)
        else:
            failed[writer.add_unanswered(answer).number] = answer.error
        if progress:
            progress("asking the API", done, len(requests))
    return failed


def _raise_first(failed: Mapping[int, RecoupError]) -> None:
    """Raise what became of the first request that brought no list of tasks, if there is one."""
    if failed:
        raise failed[min(failed)]


def load_pending(loader: Loader, is_alive: IsAlive) -> bool:
    """Load, and seal, the polls that the archive has and core has not, as a kill between the two leaves them.

    Returns False, with nothing loaded, when one is older than what is loaded: that takes a rebuild. A poll without an
    end is left alone while `is_alive` says that somebody writes it.
    """
    rows = loader.con.execute("select poll_id from core.polls where status <> 'running'").fetchall()
    loaded = {row[0] for row in rows}
    pending = [poll_id for poll_id in loader.archive.poll_ids() if poll_id not in loaded]
    if pending and loaded and pending[0] < max(loaded):
        return False
    loader.archive.chain.seal_left(loader.archive.ledger(each) for each in pending if not is_alive(each))
    for poll_id in pending:
        loader.load_archived(poll_id, is_alive)
    return True


def _is_latest(con: Connection, poll_id: str) -> bool:
    return con.execute("select count(*) from core.polls where poll_id > ?", [poll_id]).fetchone() == (0,)


def _summary_of(warehouse: Warehouse, settings: Settings, poll_id: str) -> PollSummary:
    with warehouse.open(settings.layout.work_file) as con:
        row = first_row(con.execute("select * from core.polls where poll_id = ?", [poll_id]))
    return PollSummary(**row | {"http_statuses": json.loads(row["http_statuses"])})


def task_requests(settings: Settings) -> list[Request]:
    """One request per account, artist and task filter. There is no "all accounts" mode upstream."""
    return [
        Request.tasks(account, artist, task)
        for account in settings.account_ids or (None,)
        for artist in settings.artist_account_ids or (None,)
        for task in settings.task_ids or (None,)
    ]
