"""Bodies of a 200: anything but the documented JSON is a bad payload, and none is read beyond its bound."""

import gzip
import zlib
from collections.abc import Iterator

import httpx
import pytest
import zstandard

from pipelines.errors import BadPayload
from pipelines.recoup.client import RecoupClient
from pipelines.recoup.endpoints import Kind, Request
from pipelines.recoup.envelope import split
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
def test_200_with_anything_but_tasks_is_a_bad_payload(body: bytes, says: str) -> None:
    with pytest.raises(BadPayload) as refused:
        split(body, Kind.TASKS, "GET /api/tasks")
    text = str(refused.value)
    assert says in text and "GET /api/tasks" in text
    assert PRIVATE not in text


@pytest.mark.parametrize("body", [b"", b"<html>", b"no JSON", b'{"status":"error"}', EMPTY])
def test_whatever_comes_with_200_is_handed_on_to_be_archived_first(api: Api, body: bytes) -> None:
    api.plays(Answer(body=body))
    assert get(api).body == body


def test_a_runs_request_wants_runs() -> None:
    with pytest.raises(BadPayload, match="without a list of runs"):
        split(EMPTY, Kind.RUNS, "GET /api/tasks/runs")


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (EMPTY.decode().encode("utf-16"), "UTF-16"),
        (EMPTY.decode().encode("utf-16-be"), "UTF-16"),
        (EMPTY.decode().encode("utf-16-le"), "UTF-16"),
        (EMPTY.decode().encode("utf-32-be"), "UTF-32"),
        (gzip.compress(EMPTY, mtime=0), "gzip"),
        (zlib.compress(EMPTY), "deflate"),
        (zstandard.compress(EMPTY), "zstd"),
    ],
)
def test_another_encoding_is_refused_by_name(body: bytes, encoding: str) -> None:
    with pytest.raises(BadPayload, match=encoding):
        split(body, Kind.TASKS, "GET /api/tasks")


@pytest.mark.parametrize("encoding", ["gzip, gzip", "deflate", "br", "gzip,identity", "x-unknown"])
def test_more_than_one_layer_of_compression_is_refused_before_it_is_read(api: Api, encoding: str) -> None:
    twice = gzip.compress(gzip.compress(b" " * 30_000_000))
    api.plays(Answer(body=twice, headers={"Content-Encoding": encoding}))
    assert "once with gzip" in failure(api, BadPayload, max_body_megabytes=1)


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
