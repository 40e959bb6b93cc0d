"""Recovery through `/api/tasks/runs`: lost runs of fresh gaps, ends of runs, details of ended ones.

Within a budget of calls per poll, most telling first; what did not fit is found again by the next poll. The listing
misses runs that never started (docs/source.md), so recovered runs are marked with how they were found.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from pipelines.archive.store import PollWriter, Stored
from pipelines.clock import Clock
from pipelines.database.sql_text import statement
from pipelines.errors import RecoupError, Unreachable
from pipelines.load.session import LoadSession
from pipelines.recoup.client import RecoupClient
from pipelines.recoup.endpoints import Request, Response
from pipelines.recoup.response_errors import EndpointMissing
from pipelines.settings import Settings

# An unknown run id answers 500 after several tries upstream; asking for the same one for ever helps nobody.
GIVE_UP_AFTER = 3
# So many failures in a row mean that the endpoint itself is in trouble: leave its shared rate limit alone.
STOP_AFTER = 5
# So many are asked for before a look at how it goes.
GROUP = 16
# What one poll does not get, the next one asks for again.
MOST_TRIES = 2


def recover(
    session: LoadSession, writer: PollWriter, client: RecoupClient, settings: Settings, clock: Clock
) -> str | None:
    """Fetch, archive and stage what can be recovered; return what is not being recovered and why, None if all is well.

    Never fails the poll: the endpoint may be refused or missing while tasks are fine.
    """
    budget = settings.details_per_poll
    rows = session.preview(statement("recovery", "wanted"), {"budget": budget, "give_up_after": GIVE_UP_AFTER})
    listings = [Request.runs(row[1]) for row in rows if row[0] == "runs"]
    known = [Request.run(row[1]) for row in rows if row[0] == "run"]
    note = _fetch(session, writer, client, listings, settings, clock)
    if note is None:
        found = (
            [Request.run(row[0]) for row in session.query(statement("recovery", "listed_unknown"))] if listings else []
        )
        chosen = (found + known)[: max(0, budget - len(listings))]
        note = _fetch(session, writer, client, chosen, settings, clock)
    return note


def _fetch(
    session: LoadSession,
    writer: PollWriter,
    client: RecoupClient,
    requests: Sequence[Request],
    settings: Settings,
    clock: Clock,
) -> str | None:
    note, failures, stored = None, 0, list[Stored]()
    with ThreadPoolExecutor(settings.concurrency) as pool:
        for start in range(0, len(requests), GROUP):
            group = requests[start : start + GROUP]
            answers = list(pool.map(lambda request: _ask(client, request), group))
            stored += writer.add_all(_worth_noting(group, answers, clock))
            note, failures = _judge(answers, failures)
            if note:
                break
    session.stage(stored)
    return note


def _worth_noting(
    requests: Sequence[Request], answers: Sequence[Response | RecoupError], clock: Clock
) -> list[Response]:
    return [
        answer if isinstance(answer, Response) else Response.none(request, clock())
        for request, answer in zip(requests, answers, strict=True)
        if isinstance(answer, Response) or _is_passing(answer)
    ]


def _judge(answers: Sequence[Response | RecoupError], failures: int) -> tuple[str | None, int]:
    """Return why to stop, None to go on, and the failures in a row so far."""
    for answer in answers:
        if isinstance(answer, Response):
            failures = 0
            continue
        failures += 1
        if not _is_passing(answer):
            return f"lost runs and run details are not being recovered: {answer}", failures
        if failures >= STOP_AFTER:
            return f"recovery stopped for this poll after {failures} failures in a row; the last: {answer}", failures
    return None, failures


def _ask(client: RecoupClient, request: Request) -> Response | RecoupError:
    try:
        return client.get(request, most_tries=MOST_TRIES)
    except RecoupError as error:
        return error


def _is_passing(error: RecoupError) -> bool:
    """Tell a run that was not answered from an endpoint that is refused or missing as a whole."""
    return isinstance(error, Unreachable) and not isinstance(error, EndpointMissing)
