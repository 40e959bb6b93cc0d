"""One poll: fetch (or take saved bodies), archive, load. Also brings in polls that a kill left unloaded.

What bodies mean belongs to load/; the network to recoup/client.py.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from urllib.parse import urlsplit

from pipelines.archive.poll_record import PollEnd, Stored
from pipelines.archive.store import PollWriter
from pipelines.clock import Clock
from pipelines.database.connection import Connection, Warehouse
from pipelines.database.core_schema import apply_core
from pipelines.database.sql_text import first_row
from pipelines.errors import BadPayload, RecoupError
from pipelines.ingest.clock_check import ClockAhead, refuse_ahead, set_aside_ahead
from pipelines.ingest.recovery import recover
from pipelines.ingest.simulated_marker import refuse_mixing
from pipelines.load.poll_rows import PollSummary, mark_running
from pipelines.load.rebuild import rebuild_locked
from pipelines.load.session import Loader, LoadSession
from pipelines.progress import Progress
from pipelines.recoup.client import RecoupClient
from pipelines.recoup.endpoints import NoAnswer, Request, Response
from pipelines.recoup.envelope import kind_of
from pipelines.schedule.poll_interval import measure, write_state
from pipelines.settings import Settings, is_loopback

# Read and archived at the same time; few, since each may be as large as RECOUP_MAX_BODY_MEGABYTES allows.
FILES_AT_ONCE = 4


def poll(
    settings: Settings,
    *,
    clock: Clock,
    client: RecoupClient | None = None,
    load_files: Sequence[Path] = (),
    accept_deletions: bool = False,
    progress: Progress | None = None,
) -> PollSummary:
    """Poll once and load the result into the work file, under the writer's lock.

    Raises the error that ended the poll, after it was written into core.polls as failed; BadSettings, with nothing
    done, rather than mix real with simulated data, or when the clock is ahead of the server's. An account that did not
    answer only makes the poll partial.
    """
    if not load_files:
        refuse_mixing(settings)
    warehouse = Warehouse.of(settings)
    with warehouse.locked():
        with warehouse.open(settings.layout.work_file) as con:
            apply_core(con)
            loader = Loader.of(con, settings)
            in_order = load_pending(loader)
            loader.archive.clean()
            writer = loader.archive.start_poll(
                clock(),
                source="file" if load_files else source_of(settings),
                is_full_scope=not settings.is_filtered,
                account_ids=list(settings.account_ids),
                accept_deletions=accept_deletions,
            )
            in_order = in_order and _is_latest(con, writer.poll_id)
            mark_running(con, writer.record)
            session = loader.session(writer.record.start)
            try:
                note = None
                if load_files:
                    session.stage(_archived_files(load_files, writer, clock))
                    _raise_first(session.found.unreadable)
                else:
                    note = _take_answers(settings, client, session, writer, clock, progress)
            except ClockAhead:
                # Its own stamp is wrong, so that not even a failed poll can be told of it.
                writer.discard()
                con.execute("delete from core.polls where poll_id = ?", [writer.poll_id])
                raise
            except RecoupError as error:
                record = writer.finish(PollEnd(clock(), False, type(error).__name__, str(error)))
                loader.load(record)
                write_state(settings.layout, measure(con, clock()))
                raise
            record = writer.finish(PollEnd(clock(), True, recovery_note=note))
            in_order = not set_aside_ahead(loader.archive, record.responses, clock()) and in_order
            # Older than what is loaded: only a rebuild gives what polling in order would have given.
            summary = session.commit(record) if in_order else None
            write_state(settings.layout, measure(con, clock()))
        if summary is None:
            rebuild_locked(warehouse, settings)
            summary = _summary_of(warehouse, settings, writer.poll_id)
    return summary


def _archived_files(files: Sequence[Path], writer: PollWriter, clock: Clock) -> Iterator[Stored]:
    with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
        for start in range(0, len(files), FILES_AT_ONCE):
            group = files[start : start + FILES_AT_ONCE]
            bodies = pool.map(_body_of, group)
            yield from writer.add_all([_saved(*pair, clock) for pair in zip(group, bodies, strict=True)])


def _body_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadPayload(f"{path.name}: cannot be read ({error.strerror}); name a saved response body") from error


def _saved(path: Path, body: bytes, clock: Clock) -> Response:
    return Response(Request(kind_of(body), f"file:{path.name}"), 200, body, clock(), clock(), 1)


def _take_answers(
    settings: Settings,
    client: RecoupClient | None,
    session: LoadSession,
    writer: PollWriter,
    clock: Clock,
    progress: Progress | None,
) -> str | None:
    requests = task_requests(settings)
    with nullcontext(client) if client else RecoupClient(settings, clock=clock) as own:
        failed: dict[int, RecoupError] = {}
        session.stage(_archived(own.get_many(requests), len(requests), writer, failed, progress))
        if not session.found.answers:
            _raise_first(failed | session.found.unreadable)
        return recover(session, writer, own, settings, clock) if settings.run_details == "auto" else None


def _archived(
    answers: Iterable[Response | NoAnswer],
    expected: int,
    writer: PollWriter,
    failed: dict[int, RecoupError],
    progress: Progress | None,
) -> Iterator[Stored]:
    for done, answer in enumerate(answers, start=1):
        if isinstance(answer, Response):
            refuse_ahead(answer)
            yield writer.add(answer)
        else:
            failed[writer.add_unanswered(answer).number] = answer.error
        if progress:
            progress("asking the API", done, expected)


def _raise_first(failed: Mapping[int, RecoupError]) -> None:
    """Raise what became of the first request that brought no list of tasks, if there is one."""
    if failed:
        raise failed[min(failed)]


def load_pending(loader: Loader) -> bool:
    """Load the polls that the archive has and core has not, as a kill between the two leaves them.

    Returns False, with nothing loaded, when one is older than what is loaded: the order of polls must not matter,
    so that takes a rebuild.
    """
    loaded = {
        row[0] for row in loader.con.execute("select poll_id from core.polls where status <> 'running'").fetchall()
    }
    pending = [poll_id for poll_id in loader.archive.poll_ids() if poll_id not in loaded]
    if pending and loaded and pending[0] < max(loaded):
        return False
    for poll_id in pending:
        loader.load_archived(poll_id)
    return True


def _is_latest(con: Connection, poll_id: str) -> bool:
    return con.execute("select count(*) from core.polls where poll_id > ?", [poll_id]).fetchone() == (0,)


def _summary_of(warehouse: Warehouse, settings: Settings, poll_id: str) -> PollSummary:
    with warehouse.open(settings.layout.work_file) as con:
        row = first_row(con.execute("select * from core.polls where poll_id = ?", [poll_id]))
    return PollSummary(**row | {"http_statuses": json.loads(row["http_statuses"])})


def source_of(settings: Settings) -> str:
    """Name the source: the real API, or a simulator on loopback."""
    return "simulator" if is_loopback(urlsplit(settings.api_url).hostname or "") else "api"


def task_requests(settings: Settings) -> list[Request]:
    """One request per account, artist and task filter. There is no "all accounts" mode upstream."""
    return [
        Request.tasks(account, artist, task)
        for account in settings.account_ids or (None,)
        for artist in settings.artist_account_ids or (None,)
        for task in settings.task_ids or (None,)
    ]
