"""A scripted server on loopback, and asking it with the client; every failure is searched for the key and private text.

Shared by all modules of tests/client.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pipelines.clock import fixed
from pipelines.errors import RecoupError
from pipelines.recoup.client import RecoupClient
from pipelines.recoup.endpoints import Request, Response
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
