"""One poll: fetch (or take saved bodies), archive, load. Also brings in polls that a kill left unloaded.

What bodies mean belongs to load.py; the network to recoup/client.py.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipelines.archive import Archive, PollEnd, PollWriter, Request, Response
from pipelines.clock import Clock
from pipelines.core_schema import apply_core
from pipelines.errors import BadPayload, RecoupError
from pipelines.ledger import mark_running
from pipelines.load import LoadSession, load_record
from pipelines.rebuild import rebuild_locked
from pipelines.recoup.client import RecoupClient
from pipelines.recoup.gate import kind_of
from pipelines.settings import Settings, is_loopback
from pipelines.warehouse import Connection, Warehouse

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PollSummary:
    """The poll's row of core.polls, for people and for Dagster."""

    row: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.row[name]
        except KeyError:
            raise AttributeError(name) from None


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

    Raises the error that ended the poll, after it was written into core.polls as failed.
    """
    warehouse = Warehouse.of(settings)
    archive = Archive(settings.layout.archive)
    with warehouse.locked():
        with warehouse.open(settings.layout.work_file) as con:
            apply_core(con)
            in_order = load_pending(con, archive, settings)
            writer = archive.start_poll(
                clock(),
                source="file" if load_files else source_of(settings),
                is_full_scope=not settings.is_filtered,
                account_ids=list(settings.account_ids),
                accept_deletions=accept_deletions,
            )
            in_order = in_order and _is_latest(con, writer.poll_id)
            mark_running(con, writer.record)
            responses = _saved(load_files, clock) if load_files else _fetched(settings, clock, client, progress)
            row = _take_in(con, archive, settings, writer, responses, clock, commit=in_order)
        if row is None:
            rebuild_locked(warehouse, settings)
            row = _row_of(warehouse, settings, writer.poll_id)
    return PollSummary(row)


def _take_in(
    con: Connection,
    archive: Archive,
    settings: Settings,
    writer: PollWriter,
    responses: Iterable[Response],
    clock: Clock,
    *,
    commit: bool,
) -> dict[str, Any] | None:
    """Archive, stage and commit a poll; None when it has to be loaded by a rebuild, since later ones are loaded."""
    session = LoadSession(con, archive, settings, writer.record.start)
    try:
        for response in responses:
            writer.add(response)
        session.stage(writer.record.responses)
    except RecoupError as error:
        record = writer.finish(PollEnd(clock(), False, type(error).__name__, str(error)))
        load_record(con, archive, settings, record)
        raise
    record = writer.finish(PollEnd(clock(), True))
    return session.commit(record) if commit else None


def load_pending(con: Connection, archive: Archive, settings: Settings) -> bool:
    """Load the polls that the archive has and core has not, as a kill between the two leaves them.

    Returns False, with nothing loaded, when one is older than what is loaded: the order of polls must not matter,
    so that takes a rebuild.
    """
    loaded = {row[0] for row in con.execute("select poll_id from core.polls where status <> 'running'").fetchall()}
    pending = [poll_id for poll_id in archive.poll_ids() if poll_id not in loaded]
    if pending and loaded and pending[0] < max(loaded):
        return False
    for record in filter(None, map(archive.poll, pending)):
        load_record(con, archive, settings, record)
    return True


def _is_latest(con: Connection, poll_id: str) -> bool:
    return con.execute("select count(*) from core.polls where poll_id > ?", [poll_id]).fetchone() == (0,)


def _row_of(warehouse: Warehouse, settings: Settings, poll_id: str) -> dict[str, Any]:
    with warehouse.open(settings.layout.work_file) as con:
        cursor = con.execute("select * from core.polls where poll_id = ?", [poll_id])
        names = [column[0] for column in cursor.description or ()]
        return dict(zip(names, cursor.fetchone() or (), strict=True))


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


def _fetched(
    settings: Settings, clock: Clock, client: RecoupClient | None, progress: Progress | None
) -> Iterable[Response]:
    requests = task_requests(settings)
    own = client or RecoupClient(settings, clock=clock)
    try:
        for done, response in enumerate(own.get_many(requests), start=1):
            if progress:
                progress(f"fetched {done} of {len(requests)}")
            yield response
    finally:
        if client is None:
            own.close()


def _saved(files: Sequence[Path], clock: Clock) -> Iterable[Response]:
    for path in files:
        try:
            body = path.read_bytes()
        except OSError as error:
            raise BadPayload(f"{path.name}: cannot be read ({error.strerror}); name a saved response body") from error
        request = Request(kind_of(body), f"file:{path.name}")
        yield Response(request, 200, body, clock(), clock(), 1)
