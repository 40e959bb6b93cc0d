"""However a server stalls, a request ends, and so does a poll: one deadline over all tries and phases."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import pytest

from pipelines.clock import fixed
from pipelines.errors import Unreachable
from pipelines.recoup.client import RecoupClient
from pipelines.recoup.endpoints import NoAnswer, Request
from tests.recoup.conftest import NOW, Answer, Api, error, settings


@dataclass
class Timer:
    """A timer that sleeping moves."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def dripping() -> Iterator[str]:
    """A server that sends a byte of its headers five times a second, for ever."""
    done = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection:
            for number in count():
                if done.wait(0.2):
                    return
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nx: y"[number : number + 1] or b"y")
                except OSError:
                    return

    def accept() -> None:
        while not done.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        done.set()


@pytest.mark.slow
def test_dripped_headers_are_not_followed_beyond_the_deadline(dripping: str) -> None:
    began = time.monotonic()
    with (
        RecoupClient(settings(dripping, timeout_seconds=1), clock=fixed(NOW)) as client,
        pytest.raises(Unreachable, match="no whole answer"),
    ):
        client.get(Request.tasks())
    assert time.monotonic() - began < 6


def test_all_tries_of_a_request_share_one_deadline(api: Api) -> None:
    timer = Timer()
    api.plays(error(503, "x", **{"Retry-After": "20"}))
    with (
        RecoupClient(settings(api.url, timeout_seconds=9), timer=timer, sleep=timer.sleep) as client,
        pytest.raises(Unreachable, match="503.*tried 2 times"),
    ):
        client.get(Request.tasks())
    assert timer.now <= 27


@pytest.mark.slow
def test_what_a_poll_did_not_get_in_its_time_is_left_to_the_next(api: Api) -> None:
    api.script = lambda path: Answer(delay_s=0.0 if path.endswith("=a") else 1.5)
    began = time.monotonic()
    with RecoupClient(settings(api.url, poll_seconds=1, concurrency=1)) as client:
        answers = list(client.get_many(Request.tasks(name) for name in "abcdefgh"))
    assert [isinstance(answer, NoAnswer) for answer in answers] == [False] + [True] * 7
    assert "RECOUP_POLL_SECONDS" in str(answers[-1].error if isinstance(answers[-1], NoAnswer) else "")
    assert time.monotonic() - began < 5
