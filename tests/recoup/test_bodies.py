"""Bodies of a 200: anything but the documented JSON is a bad payload, and none is read beyond its bound."""

import gzip
from collections.abc import Iterator

import httpx
import pytest

from pipelines.errors import BadPayload
from pipelines.recoup.client import RecoupClient
from pipelines.recoup.endpoints import Request
from tests.recoup.conftest import EMPTY, PRIVATE, Answer, Api, failure, get, settings


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
