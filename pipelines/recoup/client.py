"""The one place that touches the network: GET with key, time-outs, bounded body, retries, bounded concurrency.

What a status means belongs to response_errors.py, what a body holds to envelope.py.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import cache, partial
from io import BytesIO
from itertools import islice
from types import TracebackType
from typing import Self

import httpx
from tenacity import Retrying, retry_if_exception

from pipelines.clock import Clock, FixedClock, utc_now
from pipelines.errors import BadPayload, BadSettings, RecoupError, Refused, Unreachable
from pipelines.recoup.call import DEADLINE_TIMEOUTS, Call, key_of
from pipelines.recoup.endpoints import NoAnswer, Request, Response
from pipelines.recoup.response_errors import (
    Again,
    KeyRefused,
    check_status,
    refuse_layers,
    server_time,
    start_of,
    transport_failure,
)
from pipelines.recoup.retry_pause import pause_before_next_try
from pipelines.settings import Settings, is_loopback

CONNECT_SECONDS = 10
# A call mostly sees by itself that its time is up, and then says more than that.
GRACE_SECONDS = 0.5
MEGABYTE = 1_000_000
# After so many requests in a row without an answer the rest is tried once each, or an outage would take hours.
PATIENCE = 4

# Reading the trusted certificates takes longer than a whole poll of the simulator, so once per process.
_tls = cache(httpx.create_ssl_context)


class RecoupClient:
    """A client of one API origin with one key. Safe to use from several threads; close it after use."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock = utc_now,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] | None = None,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._clock, self._sleep, self._timer = clock, sleep, timer
        self._lock, self._under_way, self._is_closed = threading.Lock(), 0, False
        self._limit = settings.max_body_megabytes * MEGABYTE
        self._ends = timer() + settings.poll_seconds
        try:
            base = httpx.URL(settings.api_url)
        except httpx.InvalidURL as error:
            raise BadSettings(f"RECOUP_API_URL is not an address ({error}); write it like https://host") from error
        seconds = settings.timeout_seconds
        self._http = httpx.Client(
            base_url=base,
            timeout=httpx.Timeout(seconds, connect=CONNECT_SECONDS),
            # What is under way is bounded by who asks; a request that was given up must not stand in another's way.
            limits=httpx.Limits(max_connections=None),
            # gzip alone: its bombs stay small enough per chunk for the body bound to catch them.
            headers={
                "accept": "application/json",
                "accept-encoding": "gzip",
                "user-agent": "recoup-warehouse",
            },
            follow_redirects=False,
            verify=_tls(),
            # A proxy named in the environment cannot reach this machine's loopback.
            trust_env=not is_loopback(base.host),
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections; those of given-up requests follow when their threads notice.

        Closing a socket that another thread reads from would leave that thread waiting for the whole time-out.
        """
        with self._lock:
            self._is_closed = True
            self._close_when_idle()

    def _close_when_idle(self) -> None:
        if self._is_closed and not self._under_way:
            self._http.close()

    def get(self, request: Request, *, most_tries: int | None = None) -> Response:
        """Send one request, again after passing failures, and return the body with its status 200.

        Raises Refused (key, account), Unreachable (network, 429, 5xx after all tries) or BadPayload (a body
        that is too large, or compressed in a way that hides its size).
        """
        call = self._call(request, most_tries=most_tries)
        return self._answer(call, self._start(call))

    def get_many(self, requests: Iterable[Request]) -> Iterator[Response | NoAnswer]:
        """Send requests side by side; yield what came of each in request order, at most `concurrency` waiting at once.

        Raises the first KeyRefused or BadSettings, in that order: no other request would fare better. What is still
        under way is then given up.
        """
        stopping, waiting = threading.Event(), iter(requests)
        window: deque[tuple[Call, Future[Response]]] = deque()
        failures = 0

        def start(count: int) -> None:
            tries = 1 if failures >= PATIENCE else None
            calls = [self._call(request, stopping, tries) for request in islice(waiting, count)]
            window.extend((call, self._start(call)) for call in calls)

        try:
            start(self._settings.concurrency)
            while window:
                answer = self._result(*window.popleft())
                failures = failures + 1 if isinstance(answer, NoAnswer) else 0
                start(1)  # before the caller archives this one, which waits for the disk
                yield answer
        finally:
            stopping.set()

    def _result(self, call: Call, future: Future[Response]) -> Response | NoAnswer:
        try:
            return self._answer(call, future)
        except (KeyRefused, BadSettings):
            raise
        except RecoupError as error:
            return NoAnswer(call.request, error, self._clock(), call.tries)

    def _call(self, request: Request, stopping: threading.Event | None = None, most_tries: int | None = None) -> Call:
        ends = min(self._ends, self._timer() + DEADLINE_TIMEOUTS * self._settings.timeout_seconds)
        return Call(request, ends, stopping or threading.Event(), most_tries)

    def _answer(self, call: Call, future: Future[Response]) -> Response:
        """Wait for a call, but not beyond its end: its thread may follow a server for ever, and ends with the program."""
        try:
            return future.result(max(0.0, call.ends - self._timer()) + GRACE_SECONDS)
        except TimeoutError:
            raise call.given_up() from None

    def _start(self, call: Call) -> Future[Response]:
        """Run a call in a thread of its own: a daemon, so that a given-up wait never delays the program's end."""
        future: Future[Response] = Future()

        def work() -> None:
            try:
                future.set_result(self._get(call))
            except BaseException as error:
                future.set_exception(error)
            with self._lock:
                self._under_way -= 1
                self._close_when_idle()

        with self._lock:
            self._under_way += 1
        threading.Thread(target=work, name=f"GET {call.request.path}", daemon=True).start()
        return future

    def _get(self, call: Call) -> Response:
        headers = {"x-api-key": key_of(self._settings)}
        most_tries = min(self._settings.max_attempts, call.most_tries or self._settings.max_attempts)
        retrying = Retrying(
            stop=lambda state: state.attempt_number >= most_tries or call.is_over(self._timer, state),
            wait=pause_before_next_try,
            retry=retry_if_exception(lambda error: isinstance(error, Again) and call.refusals < 2),
            sleep=partial(self._pause, call),
            reraise=True,
        )
        try:
            return retrying(self._try, call, headers)
        except Again as last:
            where = f"GET {call.request.label} at {self._settings.api_url}"
            times = "once" if call.tries == 1 else f"{call.tries} times"
            raise last.final(f"{where}: {last.what}, tried {times}; {last.advice}") from last.__cause__

    def _pause(self, call: Call, seconds: float) -> None:
        if self._sleep is not None:
            self._sleep(seconds)
        else:
            call.stopping.wait(seconds)

    def _try(self, call: Call, headers: dict[str, str]) -> Response:
        if call.stopping.is_set():
            raise Unreachable(f"GET {call.request.label}: given up, since another request of the poll failed")
        if call.is_over(self._timer):
            raise call.given_up()
        call.tries += 1
        try:
            return self._send(call, headers)
        except httpx.RequestError as error:
            raise transport_failure(error, self._settings.timeout_seconds, CONNECT_SECONDS) from error
        except Again as again:
            call.refusals += issubclass(again.final, Refused)
            raise

    def _send(self, call: Call, headers: dict[str, str]) -> Response:
        request, requested_at = call.request, self._clock()
        with self._http.stream("GET", request.path, params=request.params, headers=headers) as answer:
            if answer.status_code != httpx.codes.OK:
                check_status(request, answer, start_of(answer), self._clock())
            body = self._read(call, answer)
        # A pretended now (`--at`) has no business with the server's clock.
        server_at = None if isinstance(self._clock, FixedClock) else server_time(answer.headers)
        return Response(request, answer.status_code, body, requested_at, self._clock(), call.tries, server_at)

    def _read(self, call: Call, answer: httpx.Response) -> bytes:
        """Read a whole body, but never more of it than RECOUP_MAX_BODY_MEGABYTES."""
        refuse_layers(call.request, answer.headers)
        announced = answer.headers.get("content-length", "")
        if announced.isdigit() and int(announced[:18]) > self._limit:
            raise self._too_large(call.request)
        buffer = BytesIO()
        for chunk in answer.iter_bytes():
            if buffer.tell() + len(chunk) > self._limit:
                raise self._too_large(call.request)
            if call.stopping.is_set() or call.is_over(self._timer):
                raise httpx.ReadTimeout("the transfer took too long")
            buffer.write(chunk)
        return buffer.getvalue()

    def _too_large(self, request: Request) -> BadPayload:
        return BadPayload(
            f"GET {request.label}: the body is larger than {self._settings.max_body_megabytes} MB; "
            "raise RECOUP_MAX_BODY_MEGABYTES if that is right, or check RECOUP_API_URL"
        )
