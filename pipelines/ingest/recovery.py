"""Recovery through `/api/tasks/runs`: reasons of failures, ends of runs, lost runs of gaps, details of ended ones.

Within a budget of calls per poll; what to ask, in which order, is sql/recovery/wanted.sql's. What did not fit is found
again by the next poll. The listing misses runs that never started (docs/source.md), so runs keep how they were found.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from pipelines.archive.store import PollWriter
from pipelines.clock import Clock
from pipelines.database.sql_text import statement
from pipelines.errors import RecoupError, Unreachable
from pipelines.load.session import LoadSession
from pipelines.recoup.client import RecoupClient
from pipelines.recoup.endpoints import Kind, Request, Response
from pipelines.recoup.response_errors import EndpointMissing
from pipelines.settings import Settings

# An unknown run id answers 500 after several tries upstream; asking for the same one for ever helps nobody.
GIVE_UP_AFTER = 3
# So many failures in a row mean that the endpoint itself is in trouble: leave its shared rate limit alone.
STOP_AFTER = 5
# So many answers are archived at once, since each waits for the disk.
GROUP = 16
# What one poll does not get, the next one asks for again.
MOST_TRIES = 2


class Recovery:
    """What one poll asks for beside tasks. `note` says what is not being recovered and why; None if all is well.

    Never fails the poll: the endpoint may be refused or missing while tasks are fine.
    """

    def __init__(self, client: RecoupClient, settings: Settings, clock: Clock) -> None:
        self._client, self._settings, self._clock = client, settings, clock
        self._asked: list[str] = []
        self._is_done = False
        self.note: str | None = None

    def wanted(self, session: LoadSession) -> list[Request]:
        """Return what to ask for next, as the staged answers show it; nothing when there is no more to ask."""
        calls = self._settings.details_per_poll - len(self._asked)
        if self._is_done or calls <= 0:
            return []
        parameters = {"calls": calls, "give_up_after": GIVE_UP_AFTER, "asked": self._asked}
        rows = session.preview(statement("recovery", "wanted"), parameters)
        return _through_listings(
            [Request.runs(name) if kind == Kind.RUNS else Request.run(name) for kind, name in rows]
        )

    def fetch(self, requests: Sequence[Request], writer: PollWriter) -> None:
        """Ask, and archive what is answered."""
        asker = _Asker(self._client, self._settings.concurrency, self._clock)
        _archive(asker.answers(requests), writer)
        self.note = asker.note
        self._asked += [request.label for request in requests]
        # Only a listing shows what nobody knew of before.
        self._is_done = asker.note is not None or not any(request.kind is Kind.RUNS for request in requests)


def _through_listings(wanted: list[Request]) -> list[Request]:
    """Cut the list after its last listing: what listings name may be more urgent than what stands below them."""
    listings = [place for place, request in enumerate(wanted, start=1) if request.kind is Kind.RUNS]
    return wanted[: listings[-1]] if listings else wanted


def _archive(answers: Iterator[Response], writer: PollWriter) -> None:
    while group := list(islice(answers, GROUP)):
        writer.add_all(group)


class _Asker:
    """Asks side by side, and looks at each answer before the next request leaves. `note` says why it stopped early."""

    def __init__(self, client: RecoupClient, concurrency: int, clock: Clock) -> None:
        self._client = client
        self._concurrency = concurrency
        self._clock = clock
        self._failures = 0
        self.note: str | None = None

    def answers(self, requests: Sequence[Request]) -> Iterator[Response]:
        """Yield what is worth a line in the ledger, in the order of the requests."""
        waiting, under_way = iter(requests), deque[tuple[Request, Future[Response | RecoupError]]]()
        with ThreadPoolExecutor(self._concurrency) as pool:

            def start(count: int) -> None:
                under_way.extend((request, pool.submit(self._ask, request)) for request in islice(waiting, count))

            start(self._concurrency)
            while under_way:
                request, future = under_way.popleft()
                answer = future.result()
                self._judge(answer)
                if self.note is None:
                    start(1)
                if isinstance(answer, Response):
                    yield answer
                elif _is_passing(answer):
                    yield Response.none(request, self._clock())

    def _ask(self, request: Request) -> Response | RecoupError:
        try:
            return self._client.get(request, most_tries=MOST_TRIES)
        except RecoupError as error:
            return error

    def _judge(self, answer: Response | RecoupError) -> None:
        self._failures = 0 if isinstance(answer, Response) else self._failures + 1
        if isinstance(answer, Response) or self.note:
            return
        if not _is_passing(answer):
            self.note = f"lost runs and run details are not being recovered: {answer}"
        elif self._failures >= STOP_AFTER:
            self.note = f"recovery stopped for this poll after {self._failures} failures in a row; the last: {answer}"


def _is_passing(error: RecoupError) -> bool:
    """Tell a run that was not answered from an endpoint that is refused or missing as a whole."""
    return isinstance(error, Unreachable) and not isinstance(error, EndpointMissing)
