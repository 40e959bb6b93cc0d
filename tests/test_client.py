"""The API client against a scripted server on loopback: every bad day of the contract, retries, bounds, secrecy."""

import gzip
import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from pipelines.clock import fixed
from pipelines.errors import BadPayload, BadSettings, RecoupError, Refused, Unreachable
from pipelines.recoup.answers import RunNotFound
from pipelines.recoup.client import RecoupClient
from pipelines.recoup.exchange import Request, Response
from pipelines.settings import Settings

KEY = "recoup_sk_test_only_1234567890"
NOW = datetime(2026, 8, 20, 9, 0, tzinfo=UTC)
PRIVATE = "mail to owner@label.example about the contract"
EMPTY = b'{"status":"success","tasks":[]}'


@dataclass(slots=True)
class Answer:
    """What the scripted server sends; `cut` announces more bytes than come."""

    status: int = 200
    body: bytes = EMPTY
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    delay_s: float = 0.0


def error(status: int, text: str, form: str = "error", **headers: str) -> Answer:
    return Answer(status, json.dumps({"status": "error", form: text}).encode(), headers)


@dataclass(slots=True)
class Api:
    """A loopback server that takes its answers from `script`; the last one is repeated."""

    url: str
    script: Callable[[str], Answer]
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def plays(self, *answers: Answer) -> None:
        queue = list(answers)
        self.script = lambda _: queue.pop(0) if len(queue) > 1 else queue[0]

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.seen]


@pytest.fixture
def api() -> Iterator[Api]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            with scripted.lock:
                scripted.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                scripted.under_way += 1
                scripted.most_under_way = max(scripted.most_under_way, scripted.under_way)
                answer = scripted.script(self.path)
            time.sleep(answer.delay_s)
            with scripted.lock:
                scripted.under_way -= 1
            self.send_response(answer.status)
            headers = {"Content-Length": str(len(answer.body) + (100 if answer.cut else 0))} | answer.headers
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(answer.body)
            except OSError:
                self.close_connection = True
            self.close_connection = self.close_connection or answer.cut

        def log_message(self, *args: Any) -> None:
            """Keep the test output quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hangs up early is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    scripted = Api(f"http://127.0.0.1:{server.server_port}", lambda _: Answer())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield scripted
    server.shutdown()
    thread.join()
    server.server_close()


def settings(url: str, **overrides: Any) -> Settings:
    return Settings.load(_env_file=None, **{"api_url": url, "api_key": KEY} | overrides)


@dataclass(slots=True)
class Naps:
    """Stands for sleeping: remembers how long it would have been."""

    taken: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


def get(api: Api, request: Request | None = None, naps: Naps | None = None, **overrides: Any) -> Response:
    with RecoupClient(settings(api.url, **overrides), clock=fixed(NOW), sleep=naps or Naps()) as client:
        return client.get(request or Request.tasks())


def failure(api: Api, kind: type[RecoupError], request: Request | None = None, **options: Any) -> str:
    with pytest.raises(kind) as caught:
        get(api, request, **options)
    assert caught.value.exit_code == kind.exit_code
    text = str(caught.value)
    assert KEY not in text and PRIVATE not in text and "\n" not in text
    return text


def test_a_good_answer_comes_back_byte_for_byte(api: Api) -> None:
    body = b'{"status":"success", "tasks":[{"id":"a","prompt":"\\u00e9"}] }\n'
    api.plays(Answer(body=body))
    response = get(api, Request.tasks("acc-1", "art-1", "task-1"))
    assert response == Response(
        Request.tasks("acc-1", "art-1", "task-1"), 200, body, requested_at=NOW, received_at=NOW, tries=1
    )
    path, headers = api.seen[0]
    assert path == "/api/tasks?id=task-1&account_id=acc-1&artist_account_id=art-1"
    assert headers["x-api-key"] == KEY and "authorization" not in headers


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        (Request.tasks(), "/api/tasks"),
        (Request.tasks("a&b= c"), "/api/tasks?account_id=a%26b%3D%20c"),
        (Request.runs("acc-1"), "/api/tasks/runs?account_id=acc-1&limit=100"),
        (Request.run("run_1"), "/api/tasks/runs?runId=run_1"),
    ],
)
def test_every_kind_of_request_reaches_its_path(api: Api, request_: Request, path: str) -> None:
    api.plays(Answer(body=b'{"status":"success","tasks":[],"runs":[]}'))
    get(api, request_)
    assert api.paths[0].replace("+", "%20") == path


def test_a_compressed_body_is_unpacked(api: Api) -> None:
    api.plays(Answer(body=gzip.compress(EMPTY), headers={"Content-Encoding": "gzip"}))
    assert get(api).body == EMPTY


def test_without_a_key_nothing_is_sent(api: Api) -> None:
    assert "RECOUP_API_KEY" in failure(api, Refused, api_key=None)
    assert api.seen == []


@pytest.mark.parametrize("key", ["recoup_sk_über", "recoup_sk_a\r\nx-evil: 1", "two words"])
def test_a_key_that_no_header_can_carry_is_refused_without_printing_it(api: Api, key: str) -> None:
    text = failure(api, Refused, api_key=key)
    assert "RECOUP_API_KEY" in text and key not in text and "evil" not in text
    assert api.seen == []


def test_blanks_around_the_key_are_dropped(api: Api) -> None:
    get(api, api_key=f" {KEY}\n")
    assert api.seen[0][1]["x-api-key"] == KEY


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (
            error(401, "Exactly one of x-api-key or Authorization must be provided"),
            "Exactly one of x-api-key",
        ),
        (error(401, "Unauthorized", "message"), "Unauthorized"),
        (error(401, PRIVATE, "message"), "401"),
        (Answer(401, b"<html>"), "401"),
    ],
)
def test_two_401_in_a_row_name_the_key(api: Api, answer: Answer, phrase: str) -> None:
    api.plays(answer)
    text = failure(api, Refused)
    assert "RECOUP_API_KEY" in text and phrase in text and "/api/tasks" in text
    assert len(api.seen) == 2


def test_a_single_401_may_pass(api: Api) -> None:
    api.plays(error(401, "Unauthorized", "message"), Answer())
    assert get(api).tries == 2


def test_401_is_forgiven_once_per_request_even_among_other_failures(api: Api) -> None:
    bad_key = error(401, "Unauthorized", "message")
    api.plays(bad_key, error(500, "Internal server error"), bad_key, Answer())
    failure(api, Refused)
    assert len(api.seen) == 3


def test_403_names_the_account_and_is_not_repeated(api: Api) -> None:
    api.plays(error(403, "Access denied to specified account_id"))
    text = failure(api, Refused, Request.tasks("acc-7"))
    assert "account acc-7" in text and "RECOUP_ACCOUNT_IDS" in text and "Access denied" in text
    assert len(api.seen) == 1


def test_402_names_the_task_filter(api: Api) -> None:
    api.plays(error(402, "plan_limit"))
    text = failure(api, Refused, Request.tasks(task_id="task-3"))
    assert "RECOUP_TASK_IDS" in text and "task-3" in text and "plan_limit" in text


@pytest.mark.parametrize("status", [400, 404, 405, 410])
def test_other_refusals_of_the_request_are_not_repeated(api: Api, status: int) -> None:
    api.plays(error(status, PRIVATE))
    text = failure(api, Unreachable)
    assert str(status) in text and "RECOUP_API_URL" in text
    assert len(api.seen) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_passing_failures_are_tried_again_with_growing_waits(api: Api, status: int) -> None:
    naps = Naps()
    api.plays(*[error(status, PRIVATE)] * 3, Answer())
    assert get(api, naps=naps).tries == 4
    assert len(naps.taken) == 3
    assert all(2**n <= nap <= 2**n + 1 for n, nap in enumerate(naps.taken)), naps.taken
    assert len(set(naps.taken)) == 3 and any(nap % 1 for nap in naps.taken)


def test_failures_that_stay_end_with_the_last_status(api: Api) -> None:
    naps = Naps()
    api.plays(error(429, PRIVATE), error(500, "Trigger.dev API error: 429 " + PRIVATE))
    text = failure(api, Unreachable, naps=naps, max_attempts=4)
    assert "500 (Trigger.dev API error: 429), tried 4 times" in text and "RECOUP_API_URL" in text
    assert len(api.seen) == 4 and len(naps.taken) == 3


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"An error occurred\n\nFUNCTION_INVOCATION_TIMEOUT\n\niad1::1", "504 (FUNCTION_INVOCATION_TIMEOUT)"),
        (json.dumps({"error": {"code": PRIVATE}}).encode(), "504,"),
        (json.dumps([PRIVATE]).encode(), "504,"),
        (PRIVATE.encode() * 10_000, "504,"),
        (b"\xff\xfe\x00", "504,"),
        (b"", "504,"),
    ],
)
def test_only_documented_phrases_of_an_error_body_are_named(api: Api, body: bytes, shown: str) -> None:
    api.plays(Answer(504, body))
    assert shown in failure(api, Unreachable, max_attempts=1)


@pytest.mark.parametrize(
    ("answer", "variable"),
    [
        (
            error(500, 'Failed to fetch scheduled actions: invalid input syntax for type uuid: "abc"'),
            "ACCOUNT_IDS",
        ),
        (Answer(500, b"error\n\nFUNCTION_RESPONSE_PAYLOAD_TOO_LARGE\n"), "RECOUP_ARTIST_ACCOUNT_IDS"),
    ],
)
def test_500s_that_cannot_pass_say_what_to_change_at_once(api: Api, answer: Answer, variable: str) -> None:
    api.plays(answer)
    assert variable in failure(api, Unreachable)
    assert len(api.seen) == 1


def test_an_unknown_run_is_told_apart_and_not_asked_for_again(api: Api) -> None:
    api.plays(error(500, "Not found"))
    assert "run_x" in failure(api, RunNotFound, Request.run("run_x"))
    assert len(api.seen) == 1
    failure(api, Unreachable, Request.tasks(), max_attempts=2)
    assert len(api.seen) == 3


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [
        ({"Retry-After": "17"}, 17, 17),
        ({"Retry-After": "0"}, 1, 2),
        ({"Retry-After": "999999999999"}, 120, 120),
        ({"Retry-After": "Thu, 20 Aug 2026 09:00:40 GMT", "Date": "Thu, 20 Aug 2026 09:00:00 GMT"}, 40, 40),
        ({"Retry-After": "Thu, 20 Aug 2026 09:00:40 GMT", "Date": "Thu, 20 Aug 2026 09:00:30 GMT"}, 10, 10),
        ({"Retry-After": "Thu, 20 Aug 2026 08:00:00 GMT", "Date": "Thu, 20 Aug 2026 09:00:00 GMT"}, 1, 2),
        ({"Retry-After": "Mon, 01 Jan 2035 00:00:00 GMT", "Date": "Thu, 20 Aug 2026 09:00:00 GMT"}, 120, 120),
        ({"Retry-After": "soon"}, 1, 2),
        ({"Retry-After": "-5"}, 1, 2),
        ({"x-ratelimit-reset": "1900000000000"}, 1, 2),
    ],
)
def test_retry_after_is_respected_within_reason(headers: dict[str, str], low: float, high: float) -> None:
    naps, answers = Naps(), iter([httpx.Response(429, headers=headers), httpx.Response(200, content=EMPTY)])
    transport = httpx.MockTransport(lambda _: next(answers))
    with RecoupClient(settings("https://api.example"), clock=fixed(NOW), transport=transport, sleep=naps) as client:
        client.get(Request.tasks())
    assert [low <= nap <= high for nap in naps.taken] == [True], naps.taken


def test_retry_after_as_a_date_is_read_against_our_clock_when_the_server_sends_none() -> None:
    naps, date = Naps(), {"Retry-After": "Thu, 20 Aug 2026 09:01:00 GMT"}
    answers = iter([httpx.Response(503, headers=date), httpx.Response(200, content=EMPTY)])
    transport = httpx.MockTransport(lambda _: next(answers))
    with RecoupClient(settings("https://api.example"), clock=fixed(NOW), transport=transport, sleep=naps) as client:
        client.get(Request.tasks())
    assert naps.taken == [60.0]


def test_connection_refused_is_tried_again_and_then_said(api: Api) -> None:
    naps = Naps()
    dead = Api("http://127.0.0.1:9", api.script)
    text = failure(dead, Unreachable, naps=naps, max_attempts=3)
    assert "Connection refused" in text and "tried 3 times" in text and "RECOUP_API_URL" in text
    assert len(naps.taken) == 2


def test_a_silent_server_times_out(api: Api) -> None:
    api.plays(Answer(delay_s=1.3))
    text = failure(api, Unreachable, timeout_seconds=1, max_attempts=1)
    assert "no answer within 1 s" in text and "RECOUP_TIMEOUT_SECONDS" in text


def test_a_slow_server_is_waited_for(api: Api) -> None:
    api.plays(Answer(delay_s=0.3))
    assert get(api).tries == 1


def test_a_trickling_server_meets_the_limit_of_a_whole_transfer() -> None:
    seconds = iter(range(0, 10_000, 5))
    trickle = httpx.MockTransport(lambda _: httpx.Response(200, content=iter([b" "] * 1000)))
    options: dict[str, Any] = {"transport": trickle, "sleep": Naps(), "timer": lambda: float(next(seconds))}
    with (
        RecoupClient(settings("https://api.example", timeout_seconds=9, max_attempts=2), **options) as client,
        pytest.raises(Unreachable, match="no answer within 9 s"),
    ):
        client.get(Request.tasks())


def test_a_connection_that_breaks_midway_is_tried_again(api: Api) -> None:
    api.plays(Answer(cut=True), Answer())
    assert get(api).tries == 2
    api.plays(Answer(cut=True))
    assert "broke before the whole answer" in failure(api, Unreachable, max_attempts=2)


def test_a_broken_compression_is_tried_again(api: Api) -> None:
    api.plays(Answer(body=b"not gzip", headers={"Content-Encoding": "gzip"}), Answer())
    assert get(api).tries == 2


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty body"),
        (b" \r\n ", "empty body"),
        (b"\n<!DOCTYPE html><html>" + PRIVATE.encode(), "HTML"),
        (b'{"status":"success","tasks":[{"id":"a","prompt":"' + PRIVATE.encode(), "cut off"),
        (b'{"status":"success","tasks":[{"id":"a"}]', "cut off"),
        (b'{"status":"success","tasks":[{,]}', "not the documented JSON"),
        (EMPTY + b"x", "not the documented JSON"),
        (b"[]", "not the documented JSON"),
        (b"null", "not the documented JSON"),
        (b'{"status":"success","tasks":{}}', "not the documented JSON"),
        (b'{"status":"success","tasks":null}', "not the documented JSON"),
        (b'{"tasks":[]}', "not the documented JSON"),
        (b'{"status":"success"}', "without a list of tasks"),
        (b'{"status":"success","runs":[]}', "without a list of tasks"),
        (b'{"status":"error","error":"' + PRIVATE.encode() + b'"}', "status error;"),
        (b'{"status":"error","message":"Unauthorized"}', "status error (Unauthorized)"),
        (b"\xef\xbb\xbf\xff", "not the documented JSON"),
    ],
)
def test_200_with_anything_but_tasks_is_a_bad_payload(api: Api, body: bytes, says: str) -> None:
    api.plays(Answer(body=body))
    text = failure(api, BadPayload)
    assert says in text and "GET /api/tasks" in text
    assert len(api.seen) == 1


def test_a_runs_request_wants_runs(api: Api) -> None:
    api.plays(Answer(body=EMPTY))
    assert "without a list of runs" in failure(api, BadPayload, Request.runs(None))


def test_204_is_no_answer_to_a_question(api: Api) -> None:
    api.plays(Answer(204, b"", {"Content-Length": "0"}))
    assert "204 instead of 200" in failure(api, BadPayload)


@pytest.mark.parametrize("announced", [True, False])
def test_an_oversized_body_is_not_read_to_its_end(announced: bool) -> None:
    sent: list[int] = []

    def chunks() -> Iterator[bytes]:
        for _ in range(100):
            sent.append(100_000)
            yield b" " * 100_000

    headers = {"Content-Length": str(10_000_000)} if announced else {}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, content=chunks()))
    client = RecoupClient(settings("https://api.example", max_body_megabytes=1), transport=transport)
    with client, pytest.raises(BadPayload, match="larger than 1 MB; raise RECOUP_MAX_BODY_MEGABYTES"):
        client.get(Request.tasks())
    assert sum(sent) <= (0 if announced else 1_100_000)


def test_a_small_body_that_unpacks_to_a_huge_one_is_bounded(api: Api) -> None:
    api.plays(Answer(body=gzip.compress(b" " * 3_000_000), headers={"Content-Encoding": "gzip"}))
    assert "larger than 1 MB" in failure(api, BadPayload, max_body_megabytes=1)


def test_a_body_at_the_bound_passes(api: Api) -> None:
    body = EMPTY.ljust(1_000_000)
    api.plays(Answer(body=body))
    assert get(api, max_body_megabytes=1).body == body


def test_a_redirect_is_named_but_never_followed(api: Api) -> None:
    api.plays(Answer(308, b"", {"Location": "https://api.elsewhere.example/api/tasks?secret=1"}))
    text = failure(api, Unreachable)
    assert "redirects to https://api.elsewhere.example;" in text and "RECOUP_API_URL" in text and "secret" not in text
    assert len(api.seen) == 1


def test_a_redirect_within_the_origin_is_not_followed_either(api: Api) -> None:
    api.plays(Answer(307, b"", {"Location": "/api/v2/tasks"}))
    assert f"redirects to {api.url};" in failure(api, Unreachable)
    assert api.paths == ["/api/tasks"]


def test_neither_key_nor_bodies_reach_the_log(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    api.plays(error(500, PRIVATE), error(401, PRIVATE, "message"), Answer(body=b'{"status":"error","error":"x"}'))
    failure(api, BadPayload)
    assert "HTTP Request" in caplog.text
    assert KEY not in caplog.text and PRIVATE not in caplog.text


def test_an_unusable_address_names_its_variable() -> None:
    with pytest.raises(BadSettings, match="RECOUP_API_URL"):
        RecoupClient(settings("https://host.example:notaport"))


def by_account(path: str) -> str:
    return path.partition("account_id=")[2]


def tasks_of(names: Iterable[str]) -> list[Request]:
    return [Request.tasks(name) for name in names]


def test_many_answers_come_in_request_order_whoever_is_faster(api: Api) -> None:
    api.script = lambda path: Answer(delay_s=0.2 if by_account(path) in "ad" else 0.0)
    with RecoupClient(settings(api.url, concurrency=4)) as client:
        names = [dict(response.request.params)["account_id"] for response in client.get_many(tasks_of("abcdefgh"))]
    assert "".join(names) == "abcdefgh"
    assert 2 <= api.most_under_way <= 4


@pytest.mark.parametrize("concurrency", [1, 3])
def test_no_more_bodies_are_asked_for_than_may_wait(api: Api, concurrency: int) -> None:
    asked: list[str] = []

    def requests() -> Iterator[Request]:
        for name in "abcdefghij":
            asked.append(name)
            yield Request.tasks(name)

    with RecoupClient(settings(api.url, concurrency=concurrency)) as client:
        for taken, _ in enumerate(client.get_many(requests()), start=1):
            assert len(asked) <= taken + concurrency - 1
    assert len(asked) == 10


def test_the_first_failure_in_order_is_raised_after_what_came_before_it(api: Api) -> None:
    api.script = lambda path: error(403, "x") if by_account(path) in "ce" else Answer(delay_s=0.05)
    got: list[str] = []
    with RecoupClient(settings(api.url, concurrency=2)) as client, pytest.raises(Refused, match="account c "):
        for response in client.get_many(tasks_of("abcdefghijklmnop")):
            got.append(dict(response.request.params)["account_id"])
    assert got == ["a", "b"]
    assert len(api.seen) <= 5


def test_a_failure_ends_the_waits_of_the_others_at_once(api: Api) -> None:
    api.script = lambda path: error(403, "x") if by_account(path) == "a" else error(503, "x", **{"Retry-After": "90"})
    began = time.monotonic()
    with RecoupClient(settings(api.url, concurrency=4)) as client, pytest.raises(Refused):
        list(client.get_many(tasks_of("abcd")))
    deadline = time.monotonic() + 5
    while any(thread.name.startswith("GET /api") for thread in threading.enumerate()):
        assert time.monotonic() < deadline, "a request is still waiting for its next try"
        time.sleep(0.01)
    assert time.monotonic() - began < 5
    assert len(api.seen) <= 4


def test_an_abandoned_iteration_gives_up_the_rest(api: Api) -> None:
    with RecoupClient(settings(api.url, concurrency=2)) as client:
        answers = client.get_many(tasks_of("abcdefgh"))
        next(answers)
        answers.close()  # type: ignore[attr-defined]
    assert len(api.seen) <= 3


def test_no_requests_no_answers(api: Api) -> None:
    with RecoupClient(settings(api.url)) as client:
        assert list(client.get_many([])) == []
