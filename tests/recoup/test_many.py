"""Many requests side by side: answers in order, few bodies waiting, one failure costs itself, a refused key the rest."""

import threading
import time
from collections.abc import Iterable, Iterator

import pytest

from pipelines.errors import Refused
from pipelines.recoup.client import PATIENCE, RecoupClient
from pipelines.recoup.endpoints import NoAnswer, Request, Response
from tests.recoup.conftest import Answer, Api, Naps, error, settings


def by_account(path: str) -> str:
    return path.partition("account_id=")[2]


def tasks_of(names: Iterable[str]) -> list[Request]:
    return [Request.tasks(name) for name in names]


def test_many_answers_come_in_request_order_whoever_is_faster(api: Api) -> None:
    api.script = lambda path: Answer(delay_s=0.2 if by_account(path) in "ad" else 0.0)
    with RecoupClient(settings(api.url, concurrency=4)) as client:
        names = [account_of(answer) for answer in client.get_many(tasks_of("abcdefgh"))]
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


def account_of(answer: Response | NoAnswer) -> str:
    return dict(answer.request.params)["account_id"]


@pytest.mark.parametrize(
    "bad",
    [
        error(403, "Access denied to specified account_id"),
        error(402, "plan_limit"),
        Answer(404, b"<html>"),
        error(500, "Internal server error"),
        Answer(cut=True),
    ],
)
def test_one_failure_costs_itself_alone(api: Api, bad: Answer) -> None:
    api.script = lambda path: bad if by_account(path) == "c" else Answer()
    with RecoupClient(settings(api.url, concurrency=2, max_attempts=2), sleep=Naps()) as client:
        answers = list(client.get_many(tasks_of("abcd")))
    assert [account_of(answer) for answer in answers] == list("abcd")
    assert [isinstance(answer, NoAnswer) for answer in answers] == [False, False, True, False]
    assert isinstance(answers[2], NoAnswer) and "account_id=c" in str(answers[2].error)


def test_a_refused_key_is_raised_after_what_came_before_it(api: Api) -> None:
    api.script = lambda path: error(401, "x") if by_account(path) in "ce" else Answer(delay_s=0.05)
    got: list[str] = []
    with RecoupClient(settings(api.url, concurrency=2), sleep=Naps()) as client, pytest.raises(Refused, match="=c "):
        for answer in client.get_many(tasks_of("abcdefghijklmnop")):
            got.append(account_of(answer))
    assert got == ["a", "b"]
    assert len(api.seen) <= 7


@pytest.mark.slow
def test_a_refused_key_ends_the_waits_of_the_others_at_once(api: Api) -> None:
    api.script = lambda path: error(401, "x") if by_account(path) == "a" else error(503, "x", **{"Retry-After": "90"})
    began = time.monotonic()
    with RecoupClient(settings(api.url, concurrency=4, max_attempts=2)) as client, pytest.raises(Refused):
        list(client.get_many(tasks_of("abcd")))
    deadline = time.monotonic() + 5
    while any(thread.name.startswith("GET /api") for thread in threading.enumerate()):
        assert time.monotonic() < deadline, "a request is still waiting for its next try"
        time.sleep(0.01)
    assert time.monotonic() - began < 9
    assert len(api.seen) <= 5


def test_an_outage_of_all_is_not_waited_for_account_by_account(api: Api) -> None:
    api.plays(error(503, "x"))
    with RecoupClient(settings(api.url, concurrency=2, max_attempts=5), sleep=Naps()) as client:
        answers = list(client.get_many(tasks_of("abcdefghijklmnop")))
    assert all(isinstance(answer, NoAnswer) for answer in answers)
    assert [answer.tries for answer in answers] == [5] * (PATIENCE + 1) + [1] * (15 - PATIENCE)


def test_patience_comes_back_with_an_answer(api: Api) -> None:
    api.script = lambda path: Answer() if by_account(path) in "fg" else error(503, "x")
    with RecoupClient(settings(api.url, concurrency=1, max_attempts=3), sleep=Naps()) as client:
        answers = list(client.get_many(tasks_of("abcdefgh")))
    assert [answer.tries for answer in answers] == [3, 3, 3, 3, 1, 1, 1, 3]


def test_an_abandoned_iteration_gives_up_the_rest(api: Api) -> None:
    with RecoupClient(settings(api.url, concurrency=2)) as client:
        answers = client.get_many(tasks_of("abcdefgh"))
        next(answers)
        answers.close()  # type: ignore[attr-defined]
    assert len(api.seen) <= 3


def test_no_requests_no_answers(api: Api) -> None:
    with RecoupClient(settings(api.url)) as client:
        assert list(client.get_many([])) == []
