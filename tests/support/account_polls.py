"""Polls of several accounts, each with an answer of its own or none, loaded through a LoadHarness."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pipelines.archive.poll_record import PollEnd
from pipelines.errors import Unreachable
from pipelines.load.poll_rows import PollSummary
from pipelines.recoup.endpoints import NoAnswer, Request, Response
from tests.support.bodies import LoadHarness, body, task

A = "aaaaaaaa-0000-4000-8000-000000000001"
B = "bbbbbbbb-0000-4000-8000-000000000002"
# A list of tasks, a whole body, or None for a request that got no answer.
Told = Sequence[dict[str, Any]] | bytes | None


def fleet(account: str, count: int = 1, **over: Any) -> list[dict[str, Any]]:
    return [task(f"{account[0]}{number:02d}", account_id=account, **over) for number in range(count)]


def polled(harness: LoadHarness, at: datetime, told: Mapping[str | None, Told], **scope: Any) -> PollSummary:
    """Load one poll of accounts; None stands for the key's own."""
    start = {"source": "api", "is_full_scope": True, "account_ids": [name for name in told if name]} | scope
    writer = harness.archive.start_poll(at, **start)
    for account, answer in told.items():
        request = Request.tasks(account)
        if answer is None:
            writer.add_unanswered(NoAnswer(request, Unreachable(f"GET {request.label}: 500"), at, 2))
        else:
            writer.add(Response(request, 200, answer if isinstance(answer, bytes) else body(answer), at, at, 1))
    return harness.load(writer.finish(PollEnd(at, True)))
