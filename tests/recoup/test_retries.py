"""Failures that may pass: what is tried again, how often and after which wait, and how it ends when they stay."""

from typing import Any

import httpx
import pytest

from pipelines.clock import fixed
from pipelines.errors import Unreachable
from pipelines.recoup.client import RecoupClient
from pipelines.recoup.endpoints import Request
from tests.recoup.conftest import EMPTY, NOW, PRIVATE, Answer, Api, Naps, error, failure, get, settings


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


@pytest.mark.slow
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
