"""Answers that refuse: each says what to change, shows only documented phrases, and is not asked for again in vain."""

import json

import pytest

from pipelines.errors import Refused, Unreachable
from pipelines.recoup.endpoints import Request
from pipelines.recoup.response_errors import RunNotFound
from tests.recoup.conftest import PRIVATE, Answer, Api, error, failure, get


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


def test_a_single_403_may_pass(api: Api) -> None:
    api.plays(error(403, "Access denied to specified account_id"), Answer())
    assert get(api, Request.tasks("acc-7")).tries == 2


def test_two_403_in_a_row_name_the_account(api: Api) -> None:
    api.plays(error(403, "Access denied to specified account_id"))
    text = failure(api, Refused, Request.tasks("acc-7"))
    assert "account acc-7" in text and "RECOUP_ACCOUNT_IDS" in text and "Access denied" in text
    assert len(api.seen) == 2


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


def test_a_redirect_is_named_but_never_followed(api: Api) -> None:
    api.plays(Answer(308, b"", {"Location": "https://api.elsewhere.example/api/tasks?secret=1"}))
    text = failure(api, Unreachable)
    assert "redirects to https://api.elsewhere.example;" in text and "RECOUP_API_URL" in text and "secret" not in text
    assert len(api.seen) == 1


def test_a_redirect_within_the_origin_is_not_followed_either(api: Api) -> None:
    api.plays(Answer(307, b"", {"Location": "/api/v2/tasks"}))
    assert f"redirects to {api.url};" in failure(api, Unreachable)
    assert api.paths == ["/api/tasks"]
