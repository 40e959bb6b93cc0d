"""Many requests side by side: answers in order, few bodies waiting, and one failure ends the rest."""

import threading
import time
from collections.abc import Iterable, Iterator

import pytest

from pipelines.errors import Refused
from pipelines.recoup.client import RecoupClient
from pipelines.recoup.endpoints import Request
from tests.recoup.conftest import Answer, Api, error, settings


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
            assert len(asked) == min(10, taken + concurrency)  # those that wait, beside the one that was taken
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
