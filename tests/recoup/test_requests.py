"""What the client sends and brings back, and where key and bodies never show. Failures have their own modules."""

import gzip
import logging

import pytest

from pipelines.errors import BadSettings, Refused
from pipelines.recoup.client import RecoupClient
from pipelines.recoup.endpoints import Request, Response
from tests.recoup.conftest import EMPTY, KEY, NOW, PRIVATE, Answer, Api, error, failure, get, settings


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


def test_neither_key_nor_bodies_reach_the_log(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    api.plays(error(500, PRIVATE), error(401, PRIVATE, "message"), Answer(body=PRIVATE.encode()))
    get(api)
    assert "HTTP Request" in caplog.text
    assert KEY not in caplog.text and PRIVATE not in caplog.text


def test_an_unusable_address_names_its_variable() -> None:
    with pytest.raises(BadSettings, match="RECOUP_API_URL"):
        RecoupClient(settings("https://host.example:notaport"))
