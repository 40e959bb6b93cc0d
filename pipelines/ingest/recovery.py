"""Recovery through `/api/tasks/runs`: lost runs of fresh gaps, ends of runs, details of ended ones.

Within a budget of calls per poll, most telling first; what did not fit is found again by the next poll. The listing
misses runs that never started (docs/source.md), so recovered runs are marked with how they were found.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from pipelines.archive.store import PollWriter, Stored
from pipelines.clock import Clock
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

WANTED = """
with shown as (

    select unnest(window_run_ids) as run_id
    from core.tasks
    where deleted_at is null

),

given_up as (

    select request
    from core.responses
    where kind = 'run'
        and http_status is null
    group by request
    having count(*) >= $give_up_after

),

-- A staged observation stands for its run: it is the newer one nearly always, and a poll later always.
latest_runs as (

    select run_id, task_id, outcome, is_final, created_at, updated_at, details_observed_at
    from stage.runs
    qualify row_number() over (partition by run_id order by updated_at desc, position desc) = 1

    union all

    select run_id, task_id, outcome, is_final, created_at, updated_at, details_observed_at
    from core.runs
    where created_at > getvariable('observed_at') - interval 14 days
        and run_id not in (select run_id from stage.runs)

),

detailed as (

    select run_id, details_observed_at
    from core.runs
    where run_id in (select run_id from stage.runs)

),

wanted_runs as (

    select
        l.run_id,
        l.created_at,
        case
            when l.task_id is null then 0
            when not l.is_final then 0
            when l.outcome <> 'succeeded' then 1
            else 2
        end as priority
    from latest_runs as l
    left join detailed as d
        on d.run_id = l.run_id
    where '/api/tasks/runs?runId=' || l.run_id not in (select request from given_up)
        and case
            when l.task_id is null then true
            when l.is_final
                then coalesce(greatest(l.details_observed_at, d.details_observed_at) < l.updated_at, true)
            else l.run_id not in (select run_id from shown)
        end

)

select distinct
    'runs' as kind,
    t.account_id as id,
    null as priority,
    null as created_at
from core.coverage_gaps as g
inner join core.tasks as t
    on t.task_id = g.task_id
where (
        g.detected_poll_id = getvariable('poll_id')
        -- The poll before had more to ask than its budget allowed.
        or (select details_call_count from core.polls where status <> 'running' order by poll_id desc limit 1) >= $budget
    )
    and g.to_at > getvariable('observed_at') - interval 7 days
    and g.runs_missing_count is distinct from g.recovered_count

union all

select 'run', run_id, priority, created_at
from wanted_runs
order by priority nulls first, created_at desc
limit $budget
"""

LISTED_UNKNOWN = """
select run_id
from stage.runs
where found_by = 'listing'
    and run_id not in (select run_id from core.runs)
    and run_id not in (select run_id from stage.runs where found_by = 'window')
order by created_at desc
"""


def recover(
    session: LoadSession, writer: PollWriter, client: RecoupClient, settings: Settings, clock: Clock
) -> str | None:
    """Fetch, archive and stage what can be recovered; return what is not being recovered and why, None if all is well.

    Never fails the poll: the endpoint may be refused or missing while tasks are fine.
    """
    budget = settings.details_per_poll
    rows = session.preview(WANTED, {"budget": budget, "give_up_after": GIVE_UP_AFTER})
    listings = [Request.runs(row[1]) for row in rows if row[0] == "runs"]
    known = [Request.run(row[1]) for row in rows if row[0] == "run"]
    note = _fetch(session, writer, client, listings, settings, clock)
    if note is None:
        found = [Request.run(row[0]) for row in session.query(LISTED_UNKNOWN)] if listings else []
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
